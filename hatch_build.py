"""Puts the npm packages that the forwarder runs into the wheel, so that once installed it needs no Node."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NPM = "browser_plugin/node_modules"
FILES = ("@amplitude/ua-parser-js/dist/ua-parser.min.js", "liquidjs/dist/liquid.node.js")


class NpmPackages(BuildHookInterface[Any]):
    """Adds their files to ``forwarder/javascript``."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add them; an editable install finds them where npm put them."""
        if version == "editable":
            return
        for file in FILES:
            path = Path(self.root, NPM, file)
            if not path.is_file():
                raise FileNotFoundError(f"{path} is missing; run: python3 build.py build")
            build_data["force_include"][str(path)] = f"forwarder/javascript/{path.name}"
