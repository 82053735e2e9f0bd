"""LEB128, the variable-length whole numbers that WebAssembly modules are made of."""


def unsigned(number: int) -> bytes:
    """Return a whole number >= 0 in as few bytes as possible."""
    if number < 0:
        raise ValueError(f"unsigned LEB128 cannot hold {number}")
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def signed(number: int) -> bytes:
    """Return a whole number in as few bytes as possible, in two's complement."""
    out = bytearray()
    while not -0x40 <= number < 0x40:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number & 0x7F)
    return bytes(out)


def read_unsigned(data: bytes, at: int) -> tuple[int, int]:
    """Return the number that begins at offset ``at``, and the offset behind it."""
    number = shift = 0
    while True:
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return number, at


def read_signed(data: bytes, at: int) -> tuple[int, int]:
    """Return the number that begins at offset ``at``, and the offset behind it."""
    number, end = read_unsigned(data, at)
    bits = 7 * (end - at)
    return number - (1 << bits) if number >> (bits - 1) else number, end
