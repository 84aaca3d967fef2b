"""The built-in inverse problems."""
