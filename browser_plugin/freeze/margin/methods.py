# mypy: ignore-errors
"""Every public method of every core type, with arguments that fit and ones that do not."""

ARGUMENTS = ("e", ",", "\u00e9\u65e5", "", 2, -1, None, b"c", ("1", "2"), {97: "q"}, [1], str.lower, 0.5)
OTHERWISE = {"encode", "decode", "format_map"}
"""Called by ``codecs`` and ``templates`` below: their arguments are names and forms."""
METHODS = {
    kind: [name for name in dir(kind) if name[0] != "_" and name not in OTHERWISE]
    for kind in (str, list, dict, set)
}


def methods():
    """Each with no argument, with each of one, and with two."""
    found = []
    for kind in METHODS:
        for name in METHODS[kind]:
            tries = [
                (),
                *((one,) for one in ARGUMENTS),
                *((one, 1) for one in ARGUMENTS),
                ("e", "\u00e9"),
                (2, 9),
            ]
            for arguments in tries:
                for value in (*some(), *TEXTS, *BYTES):
                    if type(value) is kind:
                        found.append(attempt(getattr(value, name), *arguments))
    return found


def codecs():
    """Texts to bytes and back, as far as no codec has to be imported."""
    found = []
    for codec in ("utf-8", "ascii", "latin-1"):
        for errors in ("strict", "replace", "ignore", "surrogatepass"):
            found += [attempt(text.encode, codec, errors) for text in TEXTS]
            found += [attempt(data.decode, codec, errors) for data in BYTES]
    return found


def templates():
    """Texts with holes, in each of the three ways."""
    found = []
    for value in (*some(), *TEXTS):
        found += [
            attempt(lambda v=value: "%s|%r|%5s|%-5s|" % (v, v, v, v)),
            attempt(lambda v=value: "%d %x" % (v, v)),
        ]
        found += [
            attempt("{}|{!r}|{a}".format, value, value),
            attempt("{:>9}|{:<9}|{:^9}".format, value, value, value),
        ]
        found += [
            attempt(lambda v=value: f"{v!s:>5}|{v!r}|{v!a}"),
            attempt(lambda v=value: "%(a)s" % {"a": v}),
        ]
    return [
        *found,
        attempt("{".format),
        attempt("{0.x}".format, 1),
        attempt("{0[1]}".format, "ab"),
        attempt("}".format),
    ]


def growth():
    """Containers that grow until they are laid out anew, and shrink again."""
    found = []
    table, items, members = {}, [], set()
    for i in range(400):
        table["key%d" % i] = table[i] = table[(i, "x")] = [i]
        items.append(i)
        items.insert(0, str(i) * 5)
        members |= {i, "key%d" % i}
    copies = [
        dict(table),
        list(items),
        set(members),
        {**table},
        [*items],
        table | table,
        items + items,
        items * 2,
    ]
    for i in range(0, 400, 3):
        del table[i], items[i % 50], items[-1:]
        members.discard(i)
    items.sort(key=str)
    items[2:4] = [0, 0, 0]
    items[::2] = items[::2]
    ring = [table]
    ring.append(ring)
    found += [len(one) for one in copies]
    found += [
        repr(table),
        repr(ring),
        "".join(map(str, items)),
        sorted(members, key=str),
        attempt(hash, ring),
    ]
    found += [
        {v: k for k, v in {"q": 1}.items()},
        {n for n in range(3)},
        [n for m in range(3) for n in range(m) if n],
    ]
    while members:
        members.pop()
    table.clear()
    items.clear()
    return found
