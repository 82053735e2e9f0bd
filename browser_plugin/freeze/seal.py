# mypy: ignore-errors
# ruff: noqa: F821, UP031
"""What the interpreter does to itself, last, before its memory is written down. Runs inside Pyodide.

Cuts what cannot work in a frozen module (imports), lets go of everything the entry function cannot reach,
and takes what is left out of the garbage collector's sight, which is then switched off.
"""


def shake(entry):
    """Keep of the globals around the entry function those that it reaches by name, however indirectly."""
    used = {}
    seen = set()
    waiting = [entry]
    while waiting:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, type(shake)):
            around = one.__globals__
            names = used.setdefault(id(around), (around, set()))[1]
            waiting.extend((one.__defaults__ or ()) + tuple((one.__kwdefaults__ or {}).values()))
            waiting.extend(cell.cell_contents for cell in one.__closure__ or ())
            codes = [one.__code__]
            for code in codes:
                codes.extend(constant for constant in code.co_consts if isinstance(constant, type(code)))
                names.update(code.co_names)
            waiting.extend(around[name] for name in names if name in around)
        elif isinstance(one, type) and one.__module__ != "builtins":
            waiting.extend([*vars(one).values(), *one.__mro__])
        elif hasattr(one, "__func__") or hasattr(one, "fget"):
            waiting.append(getattr(one, "__func__", None) or one.fget)
    for around, names in used.values():
        for name in [*around]:
            if name not in names and name not in ("__name__", "__builtins__"):
                del around[name]


def seal(entry):
    """Make the interpreter one that only answers calls of ``entry``."""
    import gc
    import sys

    shake(entry)
    sys.path[:] = sys.path_hooks[:] = sys.meta_path[:] = []
    sys.path_importer_cache.clear()
    for name in [*sys.modules]:
        if name not in ("builtins", "sys", "__main__"):
            del sys.modules[name]
    sys.setrecursionlimit(400)
    for _ in range(4):
        gc.collect()
    # The table of interned texts shrinks to what is left when it next runs out of unused places.
    for number in range(20_000):
        sys.intern("place %d" % number)
    gc.freeze()
    gc.disable()


seal(entry)
del seal, shake, entry
