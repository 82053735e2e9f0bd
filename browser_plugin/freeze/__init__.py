"""From a plugin wheel and Pyodide to one frozen WebAssembly module."""
