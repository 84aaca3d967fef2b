"""The built-in guidances."""
