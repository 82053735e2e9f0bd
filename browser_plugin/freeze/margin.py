# mypy: ignore-errors
# ruff: noqa
# It takes every path on purpose, also those that a linter would have one spell otherwise.
# fmt: off
"""The language-core margin: runs inside the profiled module so that what it uses is kept.

The workload shows what the entry function does. This shows what Python does around any function: the paths
that a text nobody thought of may lead into. Whole and made-up numbers, texts of every width, containers that
grow and shrink, classes, closures, generators, every common error with its message and traceback, recursion
that is too deep and memory that is not to be had. Results do not matter, only that the paths are taken.

``margin`` is called once. Nothing here may import: a frozen module has nothing to import from.
"""


class Point:
    """Has every common special method."""

    kind = "point"

    def __init__(self, x=0, *, y=0):
        self.x = x
        self.y = y

    def __eq__(self, other):
        return isinstance(other, Point) and self.x == other.x

    def __lt__(self, other):
        return self.x < other.x

    def __hash__(self):
        return hash((self.x, self.y))

    def __repr__(self):
        return f"Point({self.x!r})"

    def __len__(self):
        return 2

    def __getitem__(self, i):
        return (self.x, self.y)[i]

    def __contains__(self, n):
        return n == self.x

    def __iter__(self):
        yield self.x
        yield self.y

    def __call__(self, *args, **named):
        return args, named

    def __add__(self, other):
        return Point(self.x + other.x)

    def __bool__(self):
        return self.x != 0

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        return kind is ValueError

    @property
    def double(self):
        return self.x * 2

    @double.setter
    def double(self, value):
        self.x = value // 2

    @staticmethod
    def fixed(a, b=2):
        return a + b

    @classmethod
    def of(cls, x):
        return cls(x)


class Special(Point):
    """Inherits, with a slot."""

    __slots__ = ("extra",)

    def __init__(self, *args, **named):
        super().__init__(*args, **named)
        self.extra = 1


class Own(Exception):
    """An error of the function's own."""


def attempt(function, *arguments):
    """Return the answer, or the error as text with the lines it went through."""
    try:
        return function(*arguments)
    except Exception as error:
        lines = []
        trace = error.__traceback__
        while trace is not None:
            lines.append(trace.tb_lineno)
            trace = trace.tb_next
        return "%s: %s %r %s" % (type(error).__name__, error, error, lines)


def numbers():
    """Whole numbers from one digit to thirty, in every operation; floats in the common ones."""
    found = []
    whole = (0, 1, -1, 9, -10, 256, 1 << 15, 1 << 30, -(1 << 31), 1_700_000_000_000, 1 << 63, -(10**30))
    for a in whole:
        found += [
            -a, ~a, abs(a), +a, bool(a), hash(a), str(a), repr(a), int(str(a)), a.bit_length(), float(a)
        ]
        found += ["%d %5d %-5d|%05d %x %s %r" % ((a,) * 7), f"{a} {a!r} {a:>12} {a:,} {a:d} {a:x}", format(a)]
        found += [int(float(a)), a == float(a), a < 1.5, a + 0.5, a * 0.5, a - 0.5, pow(a, 2), a**3]
        for b in whole:
            found += [
                a + b, a - b, a * b, a & b, a | b, a ^ b, a < b, a <= b, a == b, a != b, min(a, b), max(a,
                b)
            ]
            if b:
                found += [a // b, a % b, divmod(a, b), a / b]
            if 0 <= b < 100:
                found += [a << b, a >> b]
    for x in (0.0, -1.25, 3.7e10, 1e300, 5e-324, float("inf"), float("nan")):
        found += [
            str(x), repr(x), "%.3f %g" % (x, x), f"{x:.2f}", -x, abs(x), x + 1, x < 2, x == x, attempt(int,
            x)
        ]
        found += [
            attempt(round, x), attempt(round, x, 2), attempt(lambda x=x: x // 0.3), attempt(lambda x=x: x %
            7)
        ]
    for text in (
        "12", "-7", " 5 ", "0x1f", "1_000", "", "x", "\u0663", "1.5", "1e5", "9" * 40, "9" * 5000, "nan"
    ):
        found += [attempt(int, text), attempt(float, text), attempt(int, text, 16)]
    found += [
        round(2.5), round(1234, -2), sum([1, 2.5]), int.from_bytes(b"\1\2", "big"), (258).to_bytes(2,
        "little")
    ]
    return found


def texts():
    """Texts of one, two and four bytes a character, in the methods that code about texts uses."""
    found = []
    samples = (
        "", "a", "tab\there", "caf\u00e9", "\u65e5\u672c", "mixed \U0001f680", " pad ", "A,b,,C", "\0\1",
        "y" * 500
    )
    for s in samples:
        found += [
            len(s), s + s, s * 3, s[1:], s[:-1], s[::-1], s[-1:], s == "a", s < "b", hash(s), repr(s),
            ascii(s)
        ]
        found += [
            s.split(), s.split(","), s.split(",", 1), s.rsplit(",", 1), s.partition("\t"),
            s.rpartition(","), s.splitlines()
        ]
        found += [
            s.strip(), s.lstrip(), s.rstrip("d "), s.upper(), s.lower(), s.title(), s.casefold(),
            s.capitalize(), s.swapcase()
        ]
        found += [
            s.find("e"), s.rfind("e"), s.count("e"), attempt(s.index, "zz"), "e" in s, s.replace("e", "33"),
            s.replace("e", "\u00e9")
        ]
        found += [
            s.startswith(("a", "t")), s.endswith("e"), s.removeprefix("c"), s.removesuffix("C"), s.zfill(4),
            s.center(9), s.ljust(7, "."), s.rjust(7)
        ]
        found += [
            s.isdigit(), s.isalpha(), s.isalnum(), s.isspace(), s.isupper(), s.islower(), s.isascii(),
            s.isdecimal(), s.isidentifier()
        ]
        found += [
            s.encode(), s.encode().decode(), attempt(s.encode, "ascii"), attempt(s.encode, "latin-1"),
            s.translate({97: "q", 65: None})
        ]
        found += [
            list(s), tuple(s), sorted(s), set(s), [ord(c) for c in s], "-".join(s), s.join(("1", "2")),
            "%s|%r" % (s, s), f"{s:>5}|{s!r}", "{}".format(s)
        ]
        found += [
            max(s, default=""), [c < "0" or c > "9" for c in s], s.expandtabs(), dict.fromkeys(s),
            attempt(lambda s=s: s[999])
        ]
    found += [
        chr(65), chr(0x1F680), attempt(chr, -1), attempt(ord, "ab"), "\ud83d".encode("utf-8", "replace"),
        attempt("\ud83d".encode)
    ]
    found += ["".join([c, "\u65e5"]) for c in samples] + [
        "%(a)s" % {"a": 1}, "{a} {0}".format(1, a=2), attempt(lambda: "%d" % "x")
    ]
    for data in (b"", b"abc\xff", "caf\u00e9".encode(), b"\xed\xa0\x80", bytes(300)):
        found += [
            attempt(data.decode), data.decode("latin-1"), data.decode("utf-8", "replace"), data[:1], data +
            b"x", data.hex(), repr(data)
        ]
        found += [
            bytearray(data) + b"1", data.find(b"c"), data.split(b"b"), data == b"", list(data),
            b"-".join([data, data]), hash(data)
        ]
    return found


def containers():
    """Dictionaries, lists, tuples and sets that grow, shrink, are searched, sorted, copied and shown."""
    found = []
    d = {}
    for i in range(300):
        d["key%d" % i] = i
        d[i] = None
        d[(i, "x")] = [i]
    for i in range(0, 300, 3):
        del d[i]
    d.update({"a": 1}, b=2)
    d |= {"c": 3}
    found += [
        len(d), d.get("a"), d.get("none", 7), "a" in d, d.pop("a"), d.pop("none", 0), d.setdefault("s", []),
        d.popitem(), attempt(lambda: d["none"])
    ]
    found += [
        list(d)[:3], list(d.values())[:3], list(d.items())[:3], {**d, "z": 1} == d, d.copy() == d, {v: k for
        k, v in {"q": 1}.items()}, dict([(1, 2)], k=3)
    ]
    found += [
        repr({"a": [1, {"b": (None, True)}]}), attempt(lambda: {[]: 1}), {1: 2}.keys() & {1},
        list(reversed({1: 2})), dict(zip("ab", (1, 2)))
    ]
    d.clear()
    items = [5, 3, 8, 1]
    items.append(2)
    items.extend((9, 7))
    items.insert(1, 6)
    items.remove(8)
    items[2:4] = [0, 0, 0]
    del items[0]
    items += [4]
    items.sort()
    items.sort(key=lambda n: -n, reverse=True)
    items.reverse()
    found += [
        items.pop(), items.pop(0), items.index(0), items.count(0), items[1:3], items[::-2], items * 2, items
        + [1], items == list(items), items < [99], 0 in items
    ]
    found += [
        sorted(["b", "A"], key=str.lower), sorted((3, 1.5)), attempt(sorted, [1, "a"]), attempt(lambda:
        items[99]), attempt(items.remove, 12345), attempt(lambda: [] + ()), attempt([].pop)
    ]
    found += [
        list(map(str, items)), list(filter(None, items)), list(zip(items, "ab")), list(enumerate("ab", 1)),
        any(items), all(items), sum(items), min(items), max(items), list(reversed(items))
    ]
    found += [
        (1, 2) + (3,), (1, 2) < (1, 3), (1, 2)[0], hash((1, "a", None, (2.5,))), (1,) * 3, repr((1,)), (0,
        1).index(1), [*items, *"ab"], attempt(lambda: ()[0]), list(range(9, 0, -2)), 3 in range(9),
        range(9)[2]
    ]
    s = {1, 2, 3}
    s.add("x")
    s.discard(1)
    s |= {5, 6}
    s.update(range(100))
    found += [
        2 in s, s & {2}, s | {9}, s - {2}, s ^ {2}, {2} <= s, len(s), frozenset(s) == s, attempt(s.remove,
        "none"), repr({7}), attempt(lambda: {[]}), sorted({3, 1})
    ]
    ring = []
    ring.append(ring)
    found += [
        repr(ring), slice(1, 2), attempt(lambda: {}.x), iter(()), next(iter(()), 1), attempt(next,
        iter([])), *[str(i) * 5 for i in range(2000)]
    ]
    first, *rest = range(4)
    (a, b), c = (1, 2), 3
    found += [
        first, rest, a, b, c, attempt(lambda: [x for x, y in [(1,)]]), attempt(lambda: [x for x, y in [(1,
        2, 3)]])
    ]
    return found


def classes():
    """Classes with every common special method, properties, inheritance and slots; closures; generators."""
    found = []

    p, q = Point(3, y=4), Special(5)
    found += [
        p == Point(3), p != q, p < q, hash(p), repr(p), str(p), len(p), p[0], list(p), 3 in p, p(1, k=2), (p
        + q).x, bool(Point()), p.double, Point.fixed(1), Special.of(1).x
    ]
    p.double = 10
    p.new = 1
    del p.new
    found += [
        isinstance(q, Point), issubclass(Special, Point), getattr(p, "none", 0), hasattr(p, "x"), vars(p),
        type(q).__name__, Special.__mro__, callable(p), id(p) == id(q), sorted([q, p]), max(p, q).x
    ]
    setattr(q, "x", 2)
    delattr(p, "y")
    found += [
        attempt(lambda: p.none), attempt(lambda: Point(1, 2)), attempt(lambda: Point(z=1)), attempt(lambda:
        p.fixed()), attempt(lambda: p[5]), attempt(lambda: p - 1), attempt(lambda: object() < 1)
    ]
    with p as same:
        found.append(same is p)
    with p:
        raise ValueError("kept inside")
    found += [
        p.__class__, p.__dict__, Point.__name__, repr(Point),
        repr(attempt), repr(len), repr(p.of), repr("".join)
    ]

    def counter():
        count = 0

        def more(*steps, times=1, **others):
            nonlocal count
            count += (sum(steps) + len(others)) * times
            return count

        return more

    more = counter()
    found += [
        more(1), more(1, 2, times=2), more(z=1), more(*[1], **{"k": 2}), (lambda a, b=2, *c, d=4, **e: (a,
        b, c, d, e))(1, 2, 3, d=5, f=6)
    ]

    def numbers_up_to(n):
        try:
            for i in range(n):
                sent = yield i
                if sent:
                    yield sent
        finally:
            found.append("closed")

    g = numbers_up_to(3)
    found += [next(g), g.send(5), next(g)]
    g.close()
    g = numbers_up_to(3)
    next(g)
    found += [
        list(numbers_up_to(3)), attempt(g.throw, KeyError("thrown")), attempt(next, g), sum(n for n in
        range(5)), {n for n in range(3)}, [n for m in range(3) for n in range(m) if n]
    ]
    return found


def flow():
    """Loops with their odd endings, pattern matching, assignment in expressions, global names."""
    found = []
    for value in (None, True, 3, -3, "text", [1, 2], (1,), {"k": 1, "l": 2}, 2.5):
        match value:
            case None | True:
                found.append("constant")
            case int(n) if n > 0:
                found.append(n)
            case str():
                found.append("text")
            case [a, *rest]:
                found.append((a, rest))
            case {"k": k, **others}:
                found.append((k, others))
            case _:
                found.append("else")
    n = 0
    while n < 10:
        n += 1
        if n == 3:
            continue
        if n == 8:
            break
    else:
        found.append("never")
    for n in ():
        found.append(n)
    else:
        found.append("empty")
    if (size := len(found)) > 3:
        found.append(size)
    found += [
        n if n else None, not n, n and 1, n or 2, 1 < 2 < 3, n is None, n is not None, 1 in (1, 2), 1 not in
        (1, 2), Ellipsis, NotImplemented is None
    ]
    found += [
        globals().get("__name__"), sorted(locals())[:2], type(None), dir(), isinstance(1,
        (int, str))
    ]
    return found


def errors():
    """Every common error, raised and handled in every way; recursion too deep; memory not to be had."""

    def deeper(n):
        return deeper(n + 1)

    def chained():
        try:
            raise KeyError("first")
        except KeyError as error:
            raise Own("second", 2) from error

    def during():
        try:
            return 1 // 0
        finally:
            "".join([])

    def again():
        try:
            raise ValueError("kept")
        except ValueError:
            raise

    def replaced():
        try:
            raise ValueError
        except (KeyError, ValueError):
            return {}["none"]

    def unbound():
        if not found:
            late = 1
        return late

    found = [1]
    broken = [
        chained, during, again, replaced, unbound, lambda: deeper(0), lambda: undefined, lambda:
        None.x, lambda: None + 1, lambda: 1 + "a", lambda: "a" + 1, lambda: None(), lambda: None[0], lambda:
        len(1), lambda: int("x"), lambda: int([]), lambda: iter(1), lambda: {}["k"], lambda: [][0], lambda:
        1 << -1, lambda: [].x, lambda: attempt(), lambda: (lambda a: a)(), lambda: (lambda: 1)(1), lambda:
        "".join([1]), lambda: "a".split(""), lambda: str(b"a", "none"), lambda:
        setattr(1, "a", 1), lambda: bytearray(1 << 40), lambda: "a" * (1 << 40), lambda: [0] * (1 << 29),
        lambda: (1,) * (1 << 29), lambda: "ab" * (1 << 30), lambda: 10 ** (10**6) if False else 1
    ]
    for function in broken * 2:
        found.append(attempt(function))
    for kind in (
        AssertionError, AttributeError, IndexError, KeyError, LookupError, NameError, OSError,
        OverflowError, RuntimeError, StopIteration, TypeError, UnicodeError, ZeroDivisionError
    ):
        try:
            raise kind("why")
        except Exception as error:
            found += [
                str(error), repr(error), error.args, error.__cause__, error.__context__,
                isinstance(error, LookupError)
            ]
    try:
        raise Own
    except Own as error:
        found.append(error.with_traceback(None))
    return found


def margin():
    """Take every path, some of them often enough for the interpreter to specialise them."""
    parts = (numbers, texts, containers, classes, flow, errors)
    return str([len(part()) for _ in range(4) for part in parts])
