"""Where the packages' files lie: beside this module once installed, in a checkout where npm put them."""

from pathlib import Path
from typing import NamedTuple

from forwarder.errors import ConfigError

_HERE = Path(__file__).resolve().parent
_NPM = _HERE.parents[1] / "browser_plugin" / "node_modules"


class Package(NamedTuple):
    """A package's one file, and the folder of npm's in which it lies."""

    file: str
    folder: str

    @property
    def path(self) -> Path:
        """Return the file's path. Raises ConfigError where it is missing."""
        for place in (_HERE / self.file, _NPM / self.folder / self.file):  # hatch_build.py fills the first
            if place.is_file():
                return place
        raise ConfigError([f"{self.file} of npm's {self.folder} is missing; run: python3 build.py build"])


USER_AGENTS = Package("ua-parser.min.js", "@amplitude/ua-parser-js/dist")
LIQUID = Package("liquid.node.js", "liquidjs/dist")
