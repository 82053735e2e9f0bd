# mypy: ignore-errors
"""The language itself: classes, closures, generators, loops with their odd endings, pattern matching."""


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


def classes():
    """Everything a class and its objects are asked for."""
    p, q = Point(3, y=4), Special(5)
    found = [p == Point(3), p != q, p < q, hash(p), repr(p), str(p), len(p), p[0], list(p), 3 in p, p(1, k=2)]
    found += [
        (p + q).x,
        bool(Point()),
        p.double,
        Point.fixed(1),
        Special.of(1).x,
        sorted([q, p]),
        max(p, q).x,
    ]
    p.double = 10
    p.new = 1
    del p.new
    q.extra = q.x = 2
    del q.extra
    found += [
        isinstance(q, Point),
        issubclass(Special, Point),
        getattr(p, "none", 0),
        hasattr(p, "x"),
        vars(p),
    ]
    found += [
        type(q).__name__,
        Special.__mro__,
        p.__class__,
        p.__dict__,
        Point.__name__,
        repr(Point),
        repr(p.of),
    ]
    found += [repr(attempt), repr(len), repr("".join), callable(p), id(p) == id(q), globals().get("__name__")]
    for wrong in (
        *(lambda: p.none, lambda: Point(1, 2), lambda: Point(z=1), lambda: p.fixed(), lambda: p[5]),
        *(
            lambda: p - 1,
            lambda: object() < 1,
            lambda: q.extra,
            lambda: Special.double.fset(q),
            lambda: setattr(q, "x"),
        ),
    ):
        found.append(attempt(wrong))
    with p as same:
        found.append(same is p)
    with p:
        raise ValueError("kept inside")
    return found


def closures():
    """Functions that remember, and every way to hand over arguments."""

    def counter():
        count = 0

        def more(*steps, times=1, **others):
            nonlocal count
            count += (sum(steps) + len(others)) * times
            return count

        return more

    def several(a, b=2, /, *c, d=4, **e):
        return a, b, c, d, e

    more = counter()
    found = [more(1), more(1, 2, times=2), more(z=1), more(*[1], **{"k": 2}), several(1, 2, 3, d=5, f=6)]
    for wrong in (
        lambda: several(),
        lambda: several(a=1),
        lambda: more(1, times=1, **{"times": 2}),
        lambda: more(*1),
    ):
        found.append(attempt(wrong))
    return found


def generators():
    """Functions that go on where they stopped, end early, and are thrown at."""
    found = []

    def numbers_up_to(n):
        try:
            for i in range(n):
                sent = yield i
                if sent:
                    yield sent
        finally:
            found.append("closed")

    def delegating(n):
        yield from numbers_up_to(n)
        yield from range(n)
        return n

    g = numbers_up_to(3)
    found += [next(g), g.send(5), next(g)]
    g.close()
    g = numbers_up_to(3)
    next(g)
    found += [
        attempt(g.throw, KeyError("thrown")),
        attempt(next, g),
        list(delegating(3)),
        sum(n for n in range(5)),
    ]
    return found


def flow():
    """Pattern matching."""
    found = []
    for value in (None, True, 3, -3, "text", [1, 2], (1,), {"k": 1, "l": 2}, 2.5, Point(1)):
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
            case Point(x=x):
                found.append(x)
            case _:
                found.append("else")
    return found


def loops():
    """Loops with their odd endings, assignment in expressions, unpacking."""
    found = []
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
    first, *rest = range(4)
    (a, b), c = (1, 2), 3
    a, b = b, a
    found += [first, rest, a, b, c, 1 < 2 < 3, 1 in (1, 2), 1 not in (1, 2), NotImplemented is None]
    found += [attempt(lambda: [x for x, y in [(1,)]]), attempt(lambda: [x for x, y in [(1, 2, 3)]])]
    return found
