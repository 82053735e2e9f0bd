"""Puts the user-agent parser from npm into the wheel, so that an installed forwarder has it without Node."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PARSER = "browser_plugin/node_modules/@amplitude/ua-parser-js/dist/ua-parser.min.js"


class UserAgentParser(BuildHookInterface[Any]):
    """Adds one file beside ``forwarder/amplitude/user_agent.py``."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the parser; an editable install finds it where npm put it."""
        if version == "editable":
            return
        parser = Path(self.root, PARSER)
        if not parser.is_file():
            raise FileNotFoundError(f"{PARSER} is missing; run: python3 build.py build")
        build_data["force_include"][str(parser)] = f"forwarder/amplitude/{parser.name}"
