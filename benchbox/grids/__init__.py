"""The built-in grids."""
