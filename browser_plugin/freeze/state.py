"""The interpreter's state, as boot.mjs wrote it down."""

import json
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Block:
    """A piece of the heap: where the allocator's two header words begin, its size with them, and its use."""

    address: int
    size: int
    used: bool


@dataclass(frozen=True, slots=True)
class State:
    """Everything a frozen module begins with. Addresses are byte offsets in its memory."""

    memory: bytes = field(repr=False)
    entry: int
    """The entry function, a Python object."""
    buffer: int
    capacity: int
    """Memory for the texts that the page hands over, and how many bytes."""
    globals: list[int]
    """The values of the globals that can change, in the module's order."""
    linked: dict[str, int]
    """Imported globals (``module.name``), which linking made constants."""
    table: list[int]
    """The function index in every slot of the function table, -1 for none."""
    blocks: list[Block]
    symbols: dict[str, int]
    """Exported constants: addresses of C data."""
    stack_low: int
    """Where static data ends and the C stack begins; the stack grows down to here."""
    heap: int
    """Where the C stack ends and the heap begins."""

    @classmethod
    def read(cls, folder: Path) -> "State":
        """Return the state that boot.mjs left in ``folder``."""
        stored = json.loads((folder / "state.json").read_text())
        stored["blocks"] = [Block(address, size, bool(used)) for address, size, used in stored["blocks"]]
        return cls(memory=(folder / "memory.bin").read_bytes(), **stored)

    def description(self) -> dict[str, object]:
        """Return what the page's host needs to call the entry function."""
        return {"entry": self.entry, "buffer": self.buffer, "capacity": self.capacity}
