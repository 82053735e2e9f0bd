# mypy: ignore-errors
"""Every common error, raised and handled in every way; recursion too deep; memory not to be had."""


class OwnError(Exception):
    """An error of the function's own."""


def deeper(n):
    """Call itself without end."""
    return deeper(n + 1)


def chained():
    """Raise one error from another."""
    try:
        raise KeyError("first")
    except KeyError as error:
        raise OwnError("second", 2) from error


def during():
    """Raise and tidy up."""
    try:
        return 1 // 0
    finally:
        "".join([])


def again():
    """Handle an error and raise it once more."""
    try:
        raise ValueError("kept")
    except ValueError:
        raise


def replaced():
    """Raise another error while one is handled."""
    try:
        raise ValueError
    except (KeyError, ValueError):
        return {}["none"]


def unbound(early=True):
    """Read a name before it has a value."""
    if not early:
        late = 1
    return late


HUGE = 1 << 40
BROKEN = (
    *(chained, during, again, replaced, unbound, lambda: deeper(0), lambda: undefined, lambda: None.x),
    *(lambda: None + 1, lambda: 1 + "a", lambda: "a" + 1, lambda: None(), lambda: None[0], lambda: len(1)),
    *(lambda: int("x"), lambda: int([]), lambda: iter(1), lambda: {}["k"], lambda: [][0], lambda: 1 << -1),
    *(lambda: [].x, lambda: attempt(), lambda: (lambda a: a)(), lambda: (lambda: 1)(1), lambda: "".join([1])),
    *(
        lambda: "a".split(""),
        lambda: str(b"a", "none"),
        lambda: {[]: 1},
        lambda: {[]},
        lambda: next(iter(())),
    ),
    *(lambda: bytearray(HUGE), lambda: "a" * HUGE, lambda: [0] * (1 << 29), lambda: (1,) * (1 << 29)),
    *(lambda: "ab" * (1 << 30), lambda: bytes(HUGE), lambda: 1 << HUGE),
)
KINDS = (
    *(AssertionError, AttributeError, IndexError, KeyError, LookupError, NameError, OSError, OverflowError),
    *(
        RuntimeError,
        StopIteration,
        TypeError,
        UnicodeError,
        ValueError,
        ZeroDivisionError,
        OwnError,
        MemoryError,
    ),
)


def errors():
    """All of them, twice: the second time from caches."""
    found = [attempt(function) for function in BROKEN * 2]
    for kind in KINDS:
        try:
            raise kind("why")
        except Exception as error:
            found += [str(error), repr(error), error.args, error.__cause__, error.__context__]
            found += [isinstance(error, LookupError), error.with_traceback(None)]
    try:
        raise OwnError
    except OwnError as error:
        found.append(error)
    return found
