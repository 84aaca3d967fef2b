"""From a request to rows: sweep, cell, meter, store."""
