"""A package's folder as a wheel, for those who have no wheel: the same files, the same bytes, every time."""

import zipfile
from pathlib import Path

from browser_plugin.freeze.tools import FreezeError

LEFT_OUT = {"node_modules", "__pycache__"}
METADATA = "Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
WHEEL = "Wheel-Version: 1.0\nGenerator: freeze\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def as_wheel(source: Path, folder: Path, version: str = "0") -> Path:
    """Return ``source`` if it is a file; if a package's folder, its Python files zipped in ``folder``."""
    if source.is_file():
        return source
    if not (source / "__init__.py").is_file():
        raise FreezeError(f"{source} is neither a wheel nor the folder of a package")
    folder.mkdir(parents=True, exist_ok=True)
    wheel = folder / f"{source.name}-{version}-py3-none-any.whl"
    part = wheel.with_suffix(".part")
    files = {
        path.relative_to(source.parent).as_posix(): path.read_bytes()
        for path in sorted(source.rglob("*.py"))
        if not LEFT_OUT & set(path.parts)
    }
    about = f"{source.name}-{version}.dist-info"
    files[f"{about}/METADATA"] = METADATA.format(name=source.name, version=version).encode()
    files[f"{about}/WHEEL"] = WHEEL.encode()
    files[f"{about}/RECORD"] = "".join(f"{name},,\n" for name in (*files, f"{about}/RECORD")).encode()
    with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    part.replace(wheel)
    return wheel
