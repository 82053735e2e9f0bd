"""The modules of an owner's code from which something is left out."""

from functools import cached_property
from pathlib import Path

from browser_plugin.freeze import memory
from browser_plugin.freeze.module import Module
from browser_plugin.freeze.profile import ran, read
from browser_plugin.freeze.rewrite import HOST_EXPORTS, only, thawless, with_memory
from browser_plugin.freeze.state import State
from browser_plugin.freeze.tools import wasm_opt
from browser_plugin.owner_freeze.calls import Level


class Smaller:
    """A state of the interpreter, and what profiled runs of it touch.

    ``modules``: the node_modules folder; ``folder``: for files in between.
    """

    def __init__(self, original: Module, state: State, texts: list[str], modules: Path, folder: Path) -> None:
        self.original, self.state, self.texts, self.node, self.folder = (
            original,
            state,
            texts,
            modules,
            folder,
        )

    def modules(self, level: Level) -> list[bytes]:
        """Return the module of a level; where data is left out, also with poison in its place."""
        if level == "code":
            return [with_memory(self.code, self.state.memory).write()]
        loading, running = self.blocks
        record = read(self.original, self.state, self.texts, loading | running, self.folder)
        kinds = [memory.tight(self.state, record, filler) for filler in (0, memory.POISON)]
        return [with_memory(self.code, data).write() for data in kinds]

    @cached_property
    def blocks(self) -> tuple[set[int], set[int]]:
        """The basic blocks that ran while the margin was loaded, and otherwise."""
        return ran(self.original, self.state, self.texts, self.folder)

    @cached_property
    def code(self) -> Module:
        """The module without the basic blocks that never ran, and without memory."""
        path = self.folder / "code.wasm"
        _, running = self.blocks
        path.write_bytes(only(thawless(self.original, self.state, HOST_EXPORTS), self.state, running).write())
        wasm_opt(self.node, path, path, "-Oz", "--strip-debug", "--strip-producers")
        return Module.read(path.read_bytes())
