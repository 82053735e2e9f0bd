# mypy: ignore-errors
"""Every operator on every pair of types, and every built-in function."""

ONE = (
    *(lambda a: -a, lambda a: +a, lambda a: not a, lambda a: abs(a), lambda a: bool(a)),
    *(lambda a: hash(a), lambda a: repr(a), lambda a: str(a), lambda a: ascii(a), lambda a: f"{a}"),
    *(
        lambda a: len(a),
        lambda a: [*a],
        lambda a: (*a,),
        lambda a: {*a},
        lambda a: {**a},
        lambda a: sorted(a),
    ),
    *(lambda a: min(a), lambda a: max(a), lambda a: sum(a), lambda a: any(a), lambda a: all(a)),
    *(lambda a: list(reversed(a)), lambda a: dict(a), lambda a: iter(a), lambda a: next(a), lambda a: a()),
    *(lambda a: int(a), lambda a: float(a), lambda a: round(a), lambda a: round(a, 2), lambda a: chr(a)),
    *(lambda a: ord(a), lambda a: list(enumerate(a)), lambda a: a.__dict__),
    *(lambda a: a[0], lambda a: a[-1], lambda a: a[1:], lambda a: a[::-1], lambda a: a[:1], lambda a: a["a"]),
    *(lambda a: callable(a), lambda a: id(a) == id(a), lambda a: type(a), lambda a: a.__class__),
    *(lambda a: isinstance(a, (int, str)), lambda a: a.none, lambda a: hasattr(a, "x"), lambda a: bin(a)),
    *(lambda a: a is None, lambda a: a and 1, lambda a: a or 1, lambda a: 1 if a else 2, lambda a: hex(a)),
)
TWO = (
    *(lambda a, b: a + b, lambda a, b: a - b, lambda a, b: a * b, lambda a, b: a / b, lambda a, b: a // b),
    *(lambda a, b: a % b, lambda a, b: divmod(a, b), lambda a, b: a & b, lambda a, b: a | b),
    *(lambda a, b: a ^ b, lambda a, b: a == b, lambda a, b: a != b, lambda a, b: a < b, lambda a, b: a <= b),
    *(lambda a, b: a > b, lambda a, b: a >= b, lambda a, b: a is b, lambda a, b: a in b, lambda a, b: a[b]),
    *(lambda a, b: a @ b, lambda a, b: list(zip(a, b)), lambda a, b: list(map(a, b))),
    *(lambda a, b: list(filter(a, b)), lambda a, b: min(a, b), lambda a, b: max(a, b), lambda a, b: a(b)),
    *(lambda a, b: getattr(a, b), lambda a, b: format(a, b), lambda a, b: int(a, b)),
    *(
        lambda a, b: setattr(a, "x", b),
        lambda a, b: str(a, b),
        lambda a, b: isinstance(a, b),
        lambda a, b: {a: b},
    ),
)


def operators():
    """Each on one of each type, and on two."""
    found = [attempt(operation, value) for operation in (*ONE, bytes, tuple) for value in some()]
    found += [attempt(operation, a, b) for operation in TWO for a in some() for b in some()]
    return found


def numbers():
    """Whole numbers of one digit to thirty against each other and against floats."""
    found = []
    for a in (*WHOLE, *FLOATS):
        found += [attempt(operation, a) for operation in (*ONE, lambda a: ~a)]
        found += [
            attempt(lambda a=a, form=form: form % a)
            for form in ("%d", "%05d", "%-5d|", "%x", "%.3f", "%g", "%e")
        ]
        found += [
            attempt(format, a, form)
            for form in ("", "d", ">12", ",", "x", "b", "_d", "+.2f", ".3e", "g", "%")
        ]
        found += [attempt(operation, a, b) for operation in TWO for b in (*WHOLE, *FLOATS)]
    for a in WHOLE:
        for b in (0, 1, 5, 90):
            found += [attempt(lambda a=a, b=b: a << b), attempt(lambda a=a, b=b: a >> b), a ** min(b, 5)]
    for text in NUMERALS:
        found += [attempt(int, text), attempt(float, text), attempt(int, text, 16), attempt(int, text, 0)]
    found += [attempt(round, 1234, -2), attempt(divmod, 1, 0)]
    return found


def in_place():
    """Every operator that changes its left side."""
    found = []
    for a, b in (
        (5, 3),
        (2.5, 2),
        ("a", "b"),
        ([1], [2]),
        ({1}, {2}),
        ({1: 2}, {3: 4}),
        ((1,), (2,)),
        ("a", 3),
    ):
        for step in range(6):
            found.append(attempt(changed, a, b, step))
    return found


def changed(a, b, step):
    """Change ``a`` by ``b``, in one way of six."""
    a = a.copy() if hasattr(a, "copy") else a
    if step == 0:
        a += b
    elif step == 1:
        a *= b
    elif step == 2:
        a -= b
    elif step == 3:
        a |= b
    elif step == 4:
        a &= b
    else:
        a ^= b
    return a
