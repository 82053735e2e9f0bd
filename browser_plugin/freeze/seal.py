"""What the interpreter does to itself, last, before its memory is written down. Runs inside Pyodide.

Cuts what cannot work in a frozen module (imports from files), lets go of what only start-up needed, and
takes everything that is left out of the garbage collector's sight: frozen objects are never collected.
"""


def _seal() -> None:
    import gc
    import sys

    sys.path[:] = []
    sys.path_hooks[:] = []
    sys.path_importer_cache.clear()
    sys.meta_path[:] = []
    kept = {"builtins", "sys", "__main__"}
    for name, module in list(sys.modules.items()):
        if hasattr(module, "__doc__"):
            module.__doc__ = None
        if name not in kept and getattr(module, "__loader__", None) is not None:
            module.__loader__ = module.__spec__ = None
    sys.setrecursionlimit(400)
    for _ in range(4):
        gc.collect()
    gc.freeze()
    gc.disable()


_seal()
del _seal
