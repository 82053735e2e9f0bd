# mypy: ignore-errors
"""What the interpreter does to itself, last, before its memory is written down. Runs inside Pyodide."""


def seal():
    """Cut what cannot work in a frozen module; what is there is no garbage, and none is looked for."""
    import gc
    import sys

    sys.path[:] = sys.path_hooks[:] = sys.meta_path[:] = []
    sys.path_importer_cache.clear()
    sys.setrecursionlimit(400)
    gc.collect()
    gc.freeze()
    gc.disable()


seal()
del seal
