"""What was built: every file with its bytes and its hash."""

import json
from pathlib import Path
from typing import Any

from browser_plugin.page_build.hashes import integrity
from browser_plugin.wheel import VERSION


def manifest(page: Path, core: dict[str, object]) -> dict[str, object]:
    """Return what was built: versions, and of every file its integrity and its bytes, compressed too.

    ``script`` is the name of the script tag's file that never changes; it may be cached for ever.
    """
    files = {
        path.relative_to(page).as_posix(): {
            "bytes": path.stat().st_size,
            "integrity": integrity(path),
            **{
                ending: beside.stat().st_size
                for ending in ("br", "gz")
                if (beside := path.with_name(f"{path.name}.{ending}")).exists()
            },
        }
        for path in sorted(page.rglob("*"))
        if path.is_file() and path.suffix not in (".br", ".gz")
    }
    script = next(name for name in files if name.startswith(f"session-plugin-{VERSION}-"))
    about = {"version": VERSION, "pyodide": core["pyodide"], "level": core["level"], "script": script}
    return {**about, "files": files}


def table(page: Path) -> str:
    """Return the sizes as lines for the terminal."""
    files: dict[str, dict[str, Any]] = json.loads((page / "manifest.json").read_text())["files"]
    wide = max(map(len, files))
    lines = [f"{'file':{wide}}  {'bytes':>10}  {'brotli':>10}"]
    for name, sizes in files.items():
        lines.append(f"{name:{wide}}  {sizes['bytes']:>10,}  {sizes.get('br', sizes['bytes']):>10,}")
    return "\n".join(lines)
