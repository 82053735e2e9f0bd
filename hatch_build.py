"""Puts into the wheel what makes it work alone: npm packages that the forwarder runs, the page's files."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NPM = "browser_plugin/node_modules"
FILES = ("@amplitude/ua-parser-js/dist/ua-parser.min.js", "liquidjs/dist/liquid.node.js")
FOR_DEVELOPMENT = ("pyodide.", "python_stdlib.zip", "pyodide-lock.json")
"""How the names of stock Pyodide's files begin: 15 MB that no page of a production site loads."""


class OwnFiles(BuildHookInterface[Any]):
    """Adds npm's files to ``forwarder/javascript``, the page's to ``forwarder/files``."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add them; an editable install finds them where npm and the build put them."""
        if version == "editable":
            return
        for path, target in (*self._packages(), *self._page_files()):
            if not path.is_file():
                raise FileNotFoundError(f"{path} is missing; run: python3 build.py build")
            build_data["force_include"][str(path)] = target

    def _packages(self) -> Iterator[tuple[Path, str]]:
        for file in FILES:
            path = Path(self.root, NPM, file)
            yield path, f"forwarder/javascript/{path.name}"

    def _page_files(self) -> Iterator[tuple[Path, str]]:
        dist = Path(self.root, "dist")
        yield dist / "page" / "manifest.json", "forwarder/files/page/manifest.json"
        yield dist / "analytics.js" / "LICENSE", "forwarder/files/analytics.js/LICENSE"
        for folder in ("page", "analytics.js"):
            for path in sorted((dist / folder).rglob("*")):
                if path.is_file() and not path.name.startswith(FOR_DEVELOPMENT):
                    yield path, f"forwarder/files/{path.relative_to(dist).as_posix()}"
