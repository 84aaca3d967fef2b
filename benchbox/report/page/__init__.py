"""The page: a static site made from rows. It needs no network and opens from a file."""
