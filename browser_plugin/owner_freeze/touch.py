# mypy: ignore-errors
"""Reads every constant that an owner's code may come to, so that no profile takes one for unused.

It is part of the owner's wheel and runs inside the module while that is profiled, never in a page. What is
not read then is left out at the level ``tight``, and reads as zeros: a table's entry that no event of the
workload asked for would be missing without a sign.
"""

import sys

MODULE = type(sys)
FUNCTION = type(lambda: 0)
CODE = type((lambda: 0).__code__)
HEAP_TYPE = 1 << 9
"""Flag of classes that Python code made: those of C are not an owner's."""
MEMBERS = ("__dict__", "__self__", "__func__", "fget", "pattern", "groupindex")


def touch(name):
    """Read all that the modules ``name`` and below hold and what their code names; return how much it is."""
    modules = [one for path, one in list(sys.modules.items()) if path == name or path.startswith(name + ".")]
    waiting = [(vars(module)[one], None) for module in modules for one in vars(module) if one[:2] != "__"]
    waiting.append((__builtins__, None))
    known = {}
    while waiting:
        value, named = waiting.pop()
        if id(value) not in known:
            known[id(value)] = value
            waiting.extend(tried(parts, value, named) or ())
    return len(known)


def tried(read, *given):
    """Return what a function returns; None where an object is of a kind that it fails on."""
    try:
        return read(*given)
    except Exception:
        return None


def parts(value, named):
    """Read a value and return what it is made of; ``named``: the globals of the code that it belongs to."""
    for kinds, read in READERS:
        if isinstance(value, kinds):
            return read(value, named)
    return of_object(value)


def of_text(value, _):
    """Read every character, and what the text is found by."""
    return [(sum([ord(one) for one in value]) + hash(value), None)]


def of_bytes(value, _):
    """Read every byte."""
    return [(sum(value), None)]


def of_number(value, _):
    """Read all digits."""
    return [(value == value + 1, None)]


def of_table(value, _):
    """Look up every key."""
    return [(one, None) for key in value for one in (key, value[key])]


def of_list(value, named):
    """Return every item."""
    return [(one, named) for one in value]


def of_function(value, _):
    """Return its code, and what it holds beside it."""
    cells = [cell.cell_contents for cell in value.__closure__ or ()]
    held = [value.__defaults__, value.__kwdefaults__, value.__name__, value.__dict__, *cells]
    return [(value.__code__, value.__globals__)] + [(one, None) for one in held]


def of_code(code, named):
    """Return what a code object holds, and what its names stand for."""
    named = named or {}
    held = [code.co_consts, code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars]
    held += [code.co_code, code.co_exceptiontable, code.co_linetable, code.co_filename, code.co_qualname]
    found = [(one, named) for one in held]
    for name in code.co_names:
        if name in named:
            found += of_name(named[name], code.co_names, 3)
    return found


def of_name(value, names, deep):
    """Return what a name stands for; of a module what the same code names of it."""
    if not isinstance(value, MODULE):
        return [(value, None)]
    there = [getattr(value, name) for name in names if hasattr(value, name)] if deep else ()
    return [pair for one in there for pair in of_name(one, names, deep - 1)]


def of_class(value, _):
    """Return what it defines, and what it is made of."""
    made = value.__flags__ & HEAP_TYPE
    return [(one, None) for one in (*vars(value).values(), *value.__bases__)] if made else ()


def of_object(value):
    """Return what any other object holds; ``hash`` and ``str`` read those that C made: patterns, decimals."""
    names = list(MEMBERS)
    for slots in [vars(one).get("__slots__", ()) for one in type(value).__mro__]:
        names += [slots] if isinstance(slots, str) else slots
    held = [tried(getattr, value, name, None) for name in names]
    held += [type(value), tried(hash, value), tried(str, value)]
    return [(one, None) for one in held if not isinstance(one, MODULE)]


READERS = (
    (str, of_text),
    ((bytes, bytearray), of_bytes),
    ((int, float, complex), of_number),
    (dict, of_table),
    ((tuple, list, set, frozenset), of_list),
    (FUNCTION, of_function),
    (CODE, of_code),
    (type, of_class),
    (MODULE, lambda value, _: ()),
)
"""What reads a value of each kind; all others are objects."""
