"""Makes the changes: mutmut's operators on one module's functions, each change as a function of its own.

Nothing is written: whoever asks puts a change's code in place of the function's (``Change.apply``).
"""

import difflib
import hashlib
import sys
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, NamedTuple

import libcst as cst
from libcst.metadata import CodeRange, MetadataWrapper, ParentNodeProvider, PositionProvider

from tests.mutation.left_out import is_left_out

_FUTURE = "from __future__ import annotations\n"


class Change(NamedTuple):
    """One small change to one function."""

    path: str
    """The module's, relative to the checkout."""
    function: str
    """``name`` or ``Class.name``."""
    first: int
    last: int
    """The lines of the module whose run reaches it."""
    before: str
    after: str
    """The function's source, in its class."""
    of_default: bool
    """Whether an argument's default was changed."""

    @property
    def name(self) -> str:
        """Tell where it is: the module's dotted name and the function's."""
        return f"{self.path.removesuffix('.py').removesuffix('/__init__').replace('/', '.')}.{self.function}"

    @property
    def key(self) -> str:
        """Name it by its content, so that a change elsewhere in the file leaves it the same."""
        said = "\0".join((self.path, self.function, self.before, self.after))
        return hashlib.sha256(said.encode()).hexdigest()[:16]

    @property
    def difference(self) -> str:
        """Return the changed lines, ``-`` and ``+``, without indentation."""
        lines = difflib.unified_diff(self.before.splitlines(), self.after.splitlines(), lineterm="", n=0)
        return "\n".join(f"{line[0]} {line[1:].strip()}" for line in list(lines)[2:] if line[0] in "+-")

    def apply(self) -> None:
        """Put it into the module of this process."""
        module = sys.modules[self.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")]
        target, changed = self._function(vars(module)), self._function(self._run(module))
        target.__code__ = changed.__code__
        if self.of_default:
            target.__defaults__, target.__kwdefaults__ = changed.__defaults__, changed.__kwdefaults__

    def _run(self, module: ModuleType) -> dict[str, Any]:
        names = dict(vars(module))
        exec(compile(_FUTURE + self.after, self.path, "exec", dont_inherit=True), names)
        return names

    def _function(self, names: dict[str, Any]) -> FunctionType:
        owner, _, name = self.function.rpartition(".")
        found = vars(names[owner])[name] if owner else names[name]
        found = getattr(found, "__func__", found)
        assert isinstance(found, FunctionType), f"{self.name} is no plain function"
        return found


class Source:
    """One module and its changes."""

    def __init__(self, root: Path, path: str) -> None:
        """Parse it; mutmut chooses what may be changed at all."""
        from mutmut.mutation.file_mutation import create_mutations  # it reads the configuration first

        self.path = path
        self.module, self._mutations, _, _ = create_mutations(path, (root / path).read_text("utf-8"))

    @cached_property
    def _places(self) -> tuple[dict[cst.CSTNode, CodeRange], dict[cst.CSTNode, cst.CSTNode]]:
        wrapper = MetadataWrapper(self.module, unsafe_skip_copy=True)
        places = wrapper.resolve(PositionProvider)
        return dict(places), dict(wrapper.resolve(ParentNodeProvider))

    def changes(self) -> Iterator[Change]:
        """Yield what is asked about, in the order of the source."""
        places, parents = self._places
        before: dict[cst.CSTNode, str] = {}
        seen = set()
        for one in self._mutations:
            function = one.contained_by_top_level_function
            if not isinstance(function, cst.FunctionDef):
                continue  # a constant: changed once it is imported, it changes nothing
            above = list(_above(one.original_node, parents))
            if is_left_out(one.original_node, one.mutated_node, above):
                continue
            owner = next((node for node in above if isinstance(node, cst.ClassDef)), None)
            if function not in before:
                before[function] = _code(function, owner)
            changed = cst.ensure_type(
                function.deep_replace(one.original_node, one.mutated_node), cst.FunctionDef
            )
            name = function.name.value if owner is None else f"{owner.name.value}.{function.name.value}"
            first, last = _lines(one.original_node, above, places)
            change = Change(
                *(self.path, name, first, last, before[function], _code(changed, owner)),
                any(isinstance(node, cst.Param) for node in above),
            )
            if change.key not in seen and change.before != change.after:
                seen.add(change.key)
                yield change


def _above(node: cst.CSTNode, parents: dict[cst.CSTNode, cst.CSTNode]) -> Iterator[cst.CSTNode]:
    while (parent := parents.get(node)) is not None:
        yield parent
        node = parent


def _code(function: cst.FunctionDef, owner: cst.ClassDef | None) -> str:
    if owner is None:
        return cst.Module(body=[function]).code
    alone = cst.ClassDef(name=owner.name, body=cst.IndentedBlock(body=[function]))
    return cst.Module(body=[alone]).code


def _lines(
    node: cst.CSTNode, above: list[cst.CSTNode], places: dict[cst.CSTNode, CodeRange]
) -> tuple[int, int]:
    """Return the lines that run with the node: those of its statement, or of a compound one's head."""
    for one in (node, *above):
        if isinstance(one, cst.FunctionDef):  # an argument's default: whoever calls it
            return places[one.body].start.line, places[one.body].end.line
        if isinstance(one, (cst.SimpleStatementLine, cst.Match)):
            return places[one].start.line, places[one].end.line
        if isinstance(one, cst.BaseCompoundStatement):
            return places[one].start.line, places[one.body].start.line
    raise AssertionError("a change outside any statement")
