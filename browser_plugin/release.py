"""Whether what is to be given out agrees, and its checksums: ``python3 build.py release`` runs it.

Nothing is published. Each problem is one line that says where, what and how to mend it.
"""

import hashlib
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

from browser_plugin.freeze.order import FULL

ROOT = Path(__file__).parents[1]
NOTED = ("@segment/analytics-next", "@amplitude/ua-parser-js", "liquidjs", "pyodide")
"""npm packages of which files are given out."""
SUMS = "SHA256SUMS"


def problems(root: Path) -> Iterator[str]:
    """Yield what keeps the checkout in ``root``, built, from being a release."""
    version = str(tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"])
    yield from change_log(root, version)
    yield from notices(root)
    yield from named_versions(root, version)
    yield from built(root / "dist", version)


def change_log(root: Path, version: str) -> Iterator[str]:
    """Look whether the change log's first section is this version's, and says something."""
    text = (root / "CHANGELOG.md").read_text()
    sections = re.findall(r"^## (.+)\n((?:(?!## ).*\n?)*)", text, re.MULTILINE)
    full = [(name.split()[0], body.strip()) for name, body in sections if body.strip()]
    if not full or full[0][0] != version:
        first = full[0][0] if full else "nothing"
        yield (
            f"CHANGELOG.md: its first section is {first}, not {version}: name the section and"
            " project.version in pyproject.toml alike"
        )


def notices(root: Path) -> Iterator[str]:
    """Look whether the notices name the versions that are given out."""
    text = (root / "THIRD_PARTY_NOTICES.md").read_text()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()]
    noted = {row[0].partition(" (")[0].lower(): row[1] for row in rows if len(row) == 5}
    for name, version in given_out(root).items():
        said = noted.get(name.lower())
        if said != version:
            yield f"THIRD_PARTY_NOTICES.md: {name} is {version}, and the notices say {said or 'nothing'}"


def given_out(root: Path) -> Mapping[str, str]:
    """Return the versions of others' packages whose files are given out, as the lock files have them."""
    packages = json.loads((root / "browser_plugin" / "package-lock.json").read_text())["packages"]
    found = {name: str(packages[f"node_modules/{name}"]["version"]) for name in NOTED}
    lock = (root / "browser_plugin" / "freeze" / "requirements.lock").read_text()
    pinned = re.search(r"^micropip==([\w.]+)", lock, re.MULTILINE)
    return found | {"micropip": pinned[1] if pinned else ""}


def named_versions(root: Path, version: str) -> Iterator[str]:
    """Look whether what names a version of ours names this one."""
    for path in sorted((*root.glob("deploy/**/*.yaml"), *root.glob("docs/*.md"))):
        text = path.read_text()
        for said in re.findall(r"session-forwarder:(\d+\.\d+\.\d+)", text):
            if said != version:
                yield f"{path.relative_to(root)}: names version {said}, not {version}"
        for said in re.findall(r"amplitude_session_forwarder-(\d[\w.]*)-py3", text):
            if said != version:
                yield f"{path.relative_to(root)}: names the wheel of version {said}, not of {version}"


def built(dist: Path, version: str) -> Iterator[str]:
    """Look whether all is built, of this version, and fully checked."""
    build = "run: python3 build.py build"
    for name in (
        f"amplitude_session_forwarder-{version}-py3-none-any.whl",
        f"amplitude-session-plugin-{version}.tgz",
        "page/manifest.json",
        "page/core.json",
    ):
        if not (dist / name).is_file():
            yield f"dist/{name} is missing; {build}"
            return
    manifest = json.loads((dist / "page" / "manifest.json").read_text())
    if manifest["version"] != version:
        yield f"dist/page/manifest.json is of version {manifest['version']}, not {version}; {build}"
    yield from (
        f"dist/page/{name} is missing; {build}"
        for name in manifest["files"]
        if not (dist / "page" / name).is_file()
    )
    checked = json.loads((dist / "page" / "core.json").read_text())["checked"]
    if checked["held_out"] < FULL.held_out:
        yield f"the frozen module was asked {checked['held_out']} calls only; {build}"


def uncommitted(root: Path) -> Iterator[str]:
    """Look whether all is committed; where there is no repository, nobody asks."""
    command = ["git", "-C", str(root), "status", "--porcelain"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 0 and done.stdout.strip():
        yield f"{len(done.stdout.splitlines())} files are not committed: git status; commit them"


def checksums(dist: Path) -> str:
    """Return what ``sha256sum --check`` reads: a line for each package."""
    paths = sorted((*dist.glob("*.whl"), *dist.glob("*.tgz")))
    return "".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in paths)


def main() -> None:
    """Say every problem and end with 1, or write the checksums."""
    found = [*uncommitted(ROOT), *problems(ROOT)]
    if found:
        print("\n".join(found), file=sys.stderr)
        raise SystemExit(1)
    sums = checksums(ROOT / "dist")
    (ROOT / "dist" / SUMS).write_text(sums)
    print(sums, end="")


if __name__ == "__main__":
    main()
