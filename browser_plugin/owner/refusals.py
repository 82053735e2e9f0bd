"""What an owner's code may not use: it would not work in a page, or silently do something else there.

A frozen module has no clock, no random numbers, no files, no threads and no network, and imports nothing
after its start. What differs without an error matters most: ``random`` would give the same numbers to every
visitor, ``hash`` is public, ``locale`` changes nothing.
"""

import ast
from collections.abc import Iterator

MODULES = {
    *(
        "__future__",
        "array",
        "base64",
        "binascii",
        "bisect",
        "calendar",
        "cmath",
        "collections",
        "contextlib",
    ),
    *(
        "copy",
        "csv",
        "dataclasses",
        "datetime",
        "decimal",
        "difflib",
        "email",
        "enum",
        "fnmatch",
        "fractions",
    ),
    *("functools", "hashlib", "heapq", "hmac", "html", "io", "ipaddress", "itertools", "json", "math"),
    *("numbers", "operator", "re", "statistics", "string", "struct", "textwrap", "types", "typing"),
    *("unicodedata", "urllib", "zlib"),
}
"""Modules that were seen to work in a frozen module, and give the same there as elsewhere."""
ONLY = {
    "urllib": ("urllib.parse",),
    "email": ("email.utils",),
    "html": ("html", "html.parser", "html.entities"),
    "collections": ("collections", "collections.abc"),
    "json": ("json",),
}
"""Of these, the parts that work."""
INSTEAD = {
    "random": "it gives the same numbers on every page; make what has to differ of the messageId",
    "secrets": "there are no random bytes in a page's Python",
    "uuid": "there are no random bytes in a page's Python; the event has a messageId",
    "time": 'there is no clock; page["time"] is the event\'s',
    "locale": "it changes nothing there; write the format yourself",
    "logging": "nobody would see it; raise what is wrong, it is counted",
    "zoneinfo": "there are no time zones' files; use datetime.timezone with an offset",
}
CALLS = {
    "hash": "it differs from one Python to the next; take hashlib",
    "id": "it differs from one Python to the next",
    "open": "there are no files",
    "print": "nobody would see it; raise what is wrong, it is counted",
    "input": "nobody is there to answer",
    "breakpoint": "there is no debugger",
    "__import__": "nothing can be imported later; import at the top",
    "eval": "what comes with an event must not be run",
    "exec": "what comes with an event must not be run",
}
CLOCKS = {"now", "utcnow", "today"}
METHODS = {
    "fromtimestamp": "without a time zone it depends on the machine; give tz, or take fromisoformat",
    "pbkdf2_hmac": "Pyodide's hashlib has none",
    "scrypt": "Pyodide's hashlib has none",
}
BUILT_IN_NAMES = frozenset(CALLS)


def problems_of(files: dict[str, bytes], name: str) -> list[str]:
    """Return one line for each thing in the files that cannot be used; ``name``: the owner's own module."""
    return [line for path, data in files.items() for line in _of_file(path, data, name)]


def _of_file(path: str, data: bytes, name: str) -> Iterator[str]:
    try:
        tree = ast.parse(data)
    except (SyntaxError, ValueError) as error:
        yield f"{path}:{getattr(error, 'lineno', None) or 1}: {getattr(error, 'msg', error)}"
        return
    later = {
        id(node)
        for function in ast.walk(tree)
        if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        for node in ast.walk(function)
    }
    defined = {
        node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
    defined |= {node.name for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    for node in ast.walk(tree):
        for said in _of_node(node, name, id(node) in later, defined):
            yield f"{path}:{getattr(node, 'lineno', 1)}: {said}"


def _of_node(node: ast.AST, name: str, later: bool, defined: set[str]) -> Iterator[str]:
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        yield from _of_import(node, name, later)
    elif isinstance(node, (ast.AsyncFunctionDef, ast.Await)):
        yield "enrich answers at once: nothing can be awaited"
    elif isinstance(node, ast.Name) and node.id in BUILT_IN_NAMES and node.id not in defined:
        yield f"{node.id} cannot be used: {CALLS[node.id]}"
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        called = node.func.attr
        zoned = called == "fromtimestamp" and (len(node.args) > 1 or node.keywords)
        if called in CLOCKS and _is_class_of_times(node.func.value):
            yield f'{called}() cannot be used: there is no clock; page["time"] is the event\'s'
        elif called in METHODS and not zoned:
            yield f"{called}() cannot be used: {METHODS[called]}"


def _is_class_of_times(node: ast.expr) -> bool:
    """Tell whether an expression names datetime's classes, as ``datetime`` or ``dt.date``."""
    last = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
    return last in ("datetime", "date")


def _of_import(node: ast.Import | ast.ImportFrom, name: str, later: bool) -> Iterator[str]:
    if isinstance(node, ast.Import):
        wanted = [one.name for one in node.names]
    elif node.level:
        wanted = []
    else:
        inside = ONLY.get(node.module or "", ())
        parts = [f"{node.module}.{one.name}" for one in node.names]
        wanted = [node.module or ""] if not inside or node.module in inside else parts
    if later:
        yield "nothing can be imported later in a page; import at the top of the file"
        return
    for one in wanted:
        first = one.partition(".")[0]
        if first == name:
            continue
        if first not in MODULES or one not in ONLY.get(first, (one,)):
            why = INSTEAD.get(first, "it does not work in a page, or was never tried there")
            yield f"import {one} cannot be used: {why}"
