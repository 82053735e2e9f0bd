"""A package's folder as a wheel, for those who have no wheel: the same files, the same bytes, every time."""

import zipfile
from pathlib import Path

LEFT_OUT = {"node_modules", "__pycache__"}


def as_wheel(source: Path, folder: Path) -> Path:
    """Return ``source`` if it is a wheel; if a package's folder, its Python files zipped in ``folder``."""
    if source.is_file():
        return source
    folder.mkdir(parents=True, exist_ok=True)
    wheel = folder / f"{source.name}-0-py3-none-any.whl"
    part = wheel.with_suffix(".part")
    with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(source.rglob("*.py")):
            if not LEFT_OUT & set(path.parts):
                entry = zipfile.ZipInfo(path.relative_to(source.parent).as_posix())
                archive.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED)
    part.replace(wheel)
    return wheel
