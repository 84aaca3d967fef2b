"""Worker processes: tasks run isolated from the sweep, so that what one does to its process is done to nothing else."""
