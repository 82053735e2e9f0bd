"""The wheel of an owner's code: his files, what applies them, and the entry that a page calls."""

import zipfile
from pathlib import Path

from browser_plugin.freeze.wheel import METADATA, WHEEL
from browser_plugin.owner.source import OwnerCode

ENTRY = "enrichment_entry"
"""The module that a frozen module's host calls."""
HANDLE = f"{ENTRY}:handle"
OURS = ("__init__.py", "destinations.py", "enrichment.py", "minimal.py")
SOURCE = '''"""What the page calls for each event: JSON in, JSON out; see browser_plugin.enrichment."""

import gc

from browser_plugin.enrichment import answered
{more}
from {name} import enrich
from enrichment_touch import touch

_calls = 0


def handle(text):
    global _calls
    if not text:
        return str(touch("{name}") + touch("browser_plugin"))  # while it is profiled
    _calls += 1
    if _calls % {often} == 0:
        gc.collect()  # the collector is off in a frozen module; an owner's code may leave cycles
    return answered(enrich, "{version}", text)
'''
COLLECTED = 500
"""Calls after which cycles are looked for: a collection takes as long as some calls."""
IMPORTED_LATER = {b"strptime": "import _strptime", b"urllib": "import unicodedata"}
"""What Python's own library imports when it first needs it, which is too late in a frozen module."""


def wheel_of(code: OwnerCode, folder: Path) -> Path:
    """Return the wheel, made in ``folder``: the same bytes for the same code."""
    folder.mkdir(parents=True, exist_ok=True)
    root = Path(__file__).parents[1]
    files = {f"browser_plugin/{name}": (root / name).read_bytes() for name in OURS} | code.files
    text = b"".join(code.files.values())
    more = "\n".join(line for word, line in IMPORTED_LATER.items() if word in text)
    entry = SOURCE.format(more=more, name=code.name, version=code.version, often=COLLECTED)
    files[f"{ENTRY}.py"] = entry.encode()
    files["enrichment_touch.py"] = Path(__file__).with_name("touch.py").read_bytes()
    about = f"{ENTRY}-0.dist-info"
    files[f"{about}/METADATA"] = METADATA.format(name=ENTRY, version="0").encode()
    files[f"{about}/WHEEL"] = WHEEL.encode()
    files[f"{about}/RECORD"] = "".join(f"{name},,\n" for name in (*files, f"{about}/RECORD")).encode()
    wheel = folder / f"{ENTRY}-0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    return wheel
