"""What the session plugin's entry is asked: the texts it is warmed, profiled and checked with.

A workload module has two functions: ``texts``, a list that takes every path through the entry function, and
``generated``, as many made-up texts as wanted, the same ones every time.
"""

from collections.abc import Iterator
from itertools import product
from random import Random

NOW = 1_700_000_000_000
MINUTE = 60_000
ODD = (
    *"0123456789",  # one object each in the interpreter, and not in the module unless it was asked about
    "x",
    "-5",
    "1.5",
    " 12",
    "1_0",
    "1e3",
    "null",
    "9" * 15,
    "9" * 16,
    "\u0661",
    "\u4e2d",
    "\0",
    "",
)
PIECES = (
    *'019.-_ \n\0"\\%',
    "\t",
    "\t\t",
    "\u00e9",
    "\u0661",
    "\u4e2d",
    "\U0001f600",
    "17",
    str(NOW),
    "x" * 70,
)


def texts() -> list[str]:
    """Return requests that take every path of the session policy, and ones that are none."""
    stored_ids = ("", str(NOW - 5 * MINUTE), str(NOW + MINUTE), "0", "1e3", "\u0661\u0662")
    stored_lasts = ("", str(NOW - 1), str(NOW - 31 * MINUTE), str(NOW + MINUTE), "-1", "x" * 64)
    asked = [
        request(*fields)
        for fields in product(
            stored_ids, stored_lasts, (str(NOW),), ("0", "1800000"), ("0", "60000"), ("0", "1")
        )
    ]
    asked += [
        request(*[text if field == place else str(NOW) for field in range(6)])
        for place in range(6)
        for text in ODD
    ]
    return [
        *asked,
        "",
        "\t",
        "\t" * 5,
        "\t" * 6,
        "x",
        "\u00e9" * 300,
        "9" * 2000,
        "\0" * 64,
        "\U0001f600\t" * 9,
    ]


def generated(count: int) -> Iterator[str]:
    """Yield made-up requests: mostly visits as they are, some with odd fields, some of no form at all."""
    random = Random(4)
    now = NOW
    stored_id, stored_last = "", ""
    for _ in range(count):
        now += random.choice(
            (random.randrange(1000), random.randrange(20 * MINUTE), random.randrange(90 * MINUTE))
        )
        length = random.choice(("1800000", "1800000", "1", "0", "60000"))
        maximum = random.choice(("0", "0", "86400000", "600000"))
        reset = "1" if random.random() < 0.02 else "0"
        fields = [stored_id, stored_last, str(now), length, maximum, reset]
        if random.random() < 0.2:
            fields[random.randrange(6)] = random.choice(ODD)
        if random.random() < 0.1:
            fields[random.randrange(6)] = "".join(random.choices(PIECES, k=random.randrange(9)))
        yield (
            "".join(random.choices(PIECES, k=random.randrange(30)))
            if random.random() < 0.05
            else request(*fields)
        )
        stored_id = random.choice((stored_id, str(now), str(now - random.randrange(90 * MINUTE))))
        stored_last = random.choice((str(now), str(now), str(now + random.randrange(MINUTE)), ""))


def request(*fields: str) -> str:
    """Return the fields as the entry takes them."""
    return "\t".join(fields)
