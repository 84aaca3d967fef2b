"""The results directory: rows and statistics on disk, whole whatever happens, and its upkeep."""
