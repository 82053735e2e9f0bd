"""The compiler of mappings: a function of Python for each mapping, as fast as one written by hand."""
