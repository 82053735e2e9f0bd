"""Makes one WebAssembly module of CPython and a Python function; see README.md here, then ``pipeline``."""
