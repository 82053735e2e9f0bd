"""What is made by two processes at once is kept once."""

from pathlib import Path

import pytest

from browser_plugin.freeze.keeping import keep


def made(folder: Path, text: str) -> Path:
    folder.mkdir()
    (folder / "core.json").write_text(text)
    return folder


def test_what_another_process_made_meanwhile_stays(tmp_path: Path) -> None:
    first, second, kept = made(tmp_path / "one", "{}"), made(tmp_path / "two", "{ }"), tmp_path / "kept"
    keep(first, kept)
    keep(second, kept)
    assert (kept / "core.json").read_text() == "{}"
    assert second.is_dir(), "who made it takes it away"


def test_what_cannot_be_put_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        keep(made(tmp_path / "one", "{}"), tmp_path / "missing" / "kept")
