"""A static site made from rows. It needs no network and works from a local file."""
