"""An owner's module or package: its files, its version, and its ``enrich`` loaded into this Python."""

import hashlib
import importlib.util
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from browser_plugin.enrichment import fault_in
from browser_plugin.owner.refusals import problems_of

FUNCTION = "enrich"
TESTS = ("test_", "conftest")
"""How files begin that are beside the code and no part of it."""
VERSION_LENGTH = 12
"""Hexadecimal digits of a version: two versions of one owner do not meet."""


class OwnerError(Exception):
    """The owner's code cannot be used. ``problems``: one line each, with the place and the mend."""

    def __init__(self, *problems: str) -> None:
        self.problems = problems
        super().__init__("; ".join(problems))


@dataclass(frozen=True, slots=True)
class OwnerCode:
    """The source of an owner's module or package, read once."""

    path: Path
    name: str
    """The module's name, under which its own files import it."""
    files: dict[str, bytes]
    """Contents by path, relative to the folder that the module is in; tests left out."""
    version: str
    """Made of the files: whoever has the same files has the same version."""

    @classmethod
    def read(cls, path: Path) -> "OwnerCode":
        """Read a module's file or a package's folder. Raises OwnerError with every problem."""
        package = (path / "__init__.py").is_file()
        if not package and (path.suffix != ".py" or not path.is_file()):
            raise OwnerError(
                f"{path} is no Python module, nor a package's folder; name one with {FUNCTION}()"
            )
        name = path.name if package else path.stem
        if (
            not name.isidentifier()
            or name in sys.stdlib_module_names
            or name in ("browser_plugin", "forwarder")
        ):
            raise OwnerError(
                f"{path} cannot be imported under its name; rename it, to shop_enrichment.py or the like"
            )
        listed = sorted(path.rglob("*.py")) if package else [path]
        files = {
            one.relative_to(path.parent).as_posix(): one.read_bytes()
            for one in listed
            if not one.name.startswith(TESTS)
            and not {"tests", "__pycache__"} & set(one.relative_to(path.parent).parts)
        }
        problems = problems_of(files, name)
        if problems:
            raise OwnerError(*problems)
        total = hashlib.sha256()
        for place, data in files.items():
            total.update(f"{place}\0{len(data)}\0".encode() + data)
        return cls(path, name, files, total.hexdigest()[:VERSION_LENGTH])

    def load(self) -> Callable[[dict[str, Any], dict[str, Any]], Any]:
        """Import the code anew into this Python and return its function. Raises OwnerError."""
        for known in [one for one in sys.modules if one == self.name or one.startswith(f"{self.name}.")]:
            del sys.modules[known]
        importlib.invalidate_caches()
        try:
            module = self._imported()
        except Exception as error:
            sys.modules.pop(self.name, None)
            raise OwnerError(f"{self.path} cannot be imported: {fault_in(error)}: {error}") from None
        function = getattr(module, FUNCTION, None)
        if not callable(function):
            raise OwnerError(f"{self.path} has no function {FUNCTION}(event, page)")
        return function  # type: ignore[no-any-return]

    def _imported(self) -> ModuleType:
        package = self.path.is_dir()
        file = self.path / "__init__.py" if package else self.path
        inside = [str(self.path)] if package else None
        spec = importlib.util.spec_from_file_location(self.name, file, submodule_search_locations=inside)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[self.name] = module
        spec.loader.exec_module(module)
        return module
