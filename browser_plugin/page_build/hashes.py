"""Names and attributes of files that say what is in them."""

import base64
import hashlib
from pathlib import Path


def hashed(path: Path) -> str:
    """Rename a file so that its name tells its contents; return the new name."""
    name = f"{path.stem}-{short_hash(path)}{path.suffix}"
    path.rename(path.with_name(name))
    return name


def short_hash(path: Path) -> str:
    """Return what a file's name may tell of its contents: they never change under that name."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:8]


def integrity(path: Path) -> str:
    """Return what a tag's ``integrity`` has to say of a file."""
    return f"sha384-{base64.b64encode(hashlib.sha384(path.read_bytes()).digest()).decode()}"
