"""Folders of what was made once, by a name that says of what."""

from pathlib import Path


def keep(part: Path, folder: Path) -> None:
    """Put the finished ``part`` in its place; where another process was faster, what that one made stays.

    Both have the same bytes, for the name is that of all that they were made of. Raises OSError where it
    cannot be put there for another reason.
    """
    try:
        part.rename(folder)
    except OSError:
        if not folder.is_dir():
            raise
