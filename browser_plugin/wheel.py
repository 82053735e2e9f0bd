"""PROVISIONAL until the freeze room's wheel.py lands."""
import shutil, subprocess, sys
from collections.abc import Callable
from pathlib import Path
from browser_plugin.freeze.wheel import as_wheel
VERSION = "0.1.0"
HERE = Path(__file__).parent
def plugin_wheel(out: Path, say: Callable[[str], None]) -> Path:
    folder = out / "src" / "browser_plugin"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for n in ("__init__", "session", "entry", "plugin", "settings"):
        shutil.copy(HERE / f"{n}.py", folder)
    return as_wheel(folder, out)
def micropip_wheels(out: Path) -> list[Path]:
    kept = out / "micropip"
    if not list(kept.glob("*.whl")):
        subprocess.run([sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--python-version=3.14", "-q", "-d", str(kept), "micropip==0.11.1"], check=True)
    return sorted(kept.glob("*.whl"))
