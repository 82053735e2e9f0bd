"""What is given to others: the npm package of the page part, made of the built files in dist.

``python -m browser_plugin.published`` writes amplitude-session-plugin-VERSION.tgz into dist. It is built and
tested, not published.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from browser_plugin.page_build.places import ROOT, STOCK
from browser_plugin.wheel import VERSION

NAME = "amplitude-session-plugin"
LEGAL = ("LICENSE", "THIRD_PARTY_NOTICES.md")


def page_files(page: Path) -> Iterator[Path]:
    """Yield what pages load in production: all but stock Pyodide, 15 MB that are for development."""
    for path in sorted(page.rglob("*")):
        if path.is_file() and not any(path.name in (name, f"{name}.br", f"{name}.gz") for name in STOCK):
            yield path


def description() -> dict[str, object]:
    """Return the package.json."""
    return {
        "name": NAME,
        "version": VERSION,
        "description": "Amplitude session ids on every Analytics.js event, decided by Python in the page",
        "license": "Apache-2.0",
        "type": "module",
        "sideEffects": False,
        "types": "./files/session-plugin.d.mts",
        "exports": {
            ".": {"types": "./files/session-plugin.d.mts", "import": "./files/session-plugin.mjs"},
            "./files/*": "./files/*",
            "./package.json": "./package.json",
        },
        "files": ["files", *LEGAL],
    }


def package(dist: Path, out: Path) -> Path:
    """Return the tarball, made by npm in ``out`` from the built files in ``dist``."""
    with tempfile.TemporaryDirectory(prefix="npm-") as name:
        folder = Path(name)
        for path in page_files(dist / "page"):
            target = folder / "files" / path.relative_to(dist / "page")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
        for legal in LEGAL:
            shutil.copyfile(ROOT / legal, folder / legal)
        shutil.copyfile(ROOT / "browser_plugin" / "README.md", folder / "README.md")
        (folder / "package.json").write_text(json.dumps(description(), indent=2) + "\n")
        command = ["npm", "pack", "--silent", "--pack-destination", str(out.resolve())]
        subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    return out / f"{NAME}-{VERSION}.tgz"


def main() -> None:
    """Make the package; one line where it cannot be made."""
    try:
        print(package(ROOT / "dist", ROOT / "dist"))
    except subprocess.CalledProcessError as error:
        print(f"npm pack failed: {error.stderr.strip()}", file=sys.stderr)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
