"""Worker processes: a task runs apart from the sweep, so that what it does to its process is done to nothing else."""
