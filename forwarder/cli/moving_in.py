"""``forwarder init``, ``presets`` and ``import``: a configuration to begin with."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from forwarder.cli.output import Failed, counted, say

if TYPE_CHECKING:
    from forwarder.importing import Exported, Report

_EXAMPLE = Path(__file__).parents[1] / "example.toml"


@click.command()
@click.option("--out", type=click.Path(path_type=Path), default=Path("forwarder.toml"), show_default=True)
def init(out: Path) -> None:
    """Write a configuration with every setting, its default and what it is for.

    \b
      forwarder init
      AMPLITUDE_API_KEY=... forwarder check --config forwarder.toml
    """
    _write(out, _EXAMPLE.read_text(encoding="utf-8"), force=False)
    say(f"{out} is written; set AMPLITUDE_API_KEY and run: forwarder check --config {out}")


@click.command()
@click.argument("name", required=False)
def presets(name: str | None) -> None:
    """Print Segment's presets as JSON, or the one called NAME: what holds without any subscriptions.

    \b
    In a configuration, a subscription may say only what differs:
      subscriptions = [{ preset = "Track Calls", mapping = { app_version = "1.2" } }]
    """
    from forwarder.amplitude.actions.presets import presets as made

    found = [one for one in made() if name is None or one["name"] == name]
    if not found:
        raise Failed(
            f"there is no preset {name!r}; there are {', '.join(str(one['name']) for one in made())}"
        )
    say(json.dumps(found if name is None else found[0], indent=2))


@click.command("import")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--actions",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Segment's answer on the destination (GET /catalog/destinations/{id}): its actions' ids and slugs.",
)
@click.option("--destination", help="The id of the destination to take, where the files hold several.")
@click.option("--write-key", default="demo", show_default=True, help="The write key that the pages have.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder to write into; else only the report.",
)
@click.option("--force", is_flag=True, help="Write over files that are there.")
def import_(
    files: tuple[Path, ...],
    actions: Path | None,
    destination: str | None,
    write_key: str,
    out: Path | None,
    *,
    force: bool,
) -> None:
    """Turn mappings that Segment gave out into a configuration, and say what will be the same.

    FILES: answers of Segment's Public API (every page), lists of subscriptions, Terraform files as Git Sync
    writes them, or folders of these.

    \b
      forwarder import subscriptions-page-*.json --out .
      forwarder import segment-git-sync/ --actions catalog.json --out .
    """
    from forwarder.importing import read_export, report_on

    texts = [(str(path), path.read_text(encoding="utf-8-sig")) for path in _files(files)]
    if not texts:
        raise Failed("the folder holds no *.json and no *.tf files")
    exported = read_export(texts, _catalogue(actions), destination)
    report = report_on(exported.subscriptions)
    _print_report(exported, report)
    if exported.problems or report.errors:
        raise Failed("nothing is written: mend the errors above first")
    if not exported.subscriptions:
        raise Failed("no mapping of Amplitude (Actions) was found")
    mappings = counted(len(exported.subscriptions), "mapping")
    if out is None:
        say(f"{mappings} can be imported; --out FOLDER writes them")
        return
    _write_configuration(exported, write_key, out, force=force)
    say(f"{mappings} written to {out}; next: forwarder check --config {out / 'forwarder.toml'}")


def _catalogue(path: Path | None) -> object:
    """Return Segment's answer on the destination's actions, None without a file. Raises Failed."""
    if path is None:
        return None
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise Failed(f"{path} is no JSON: {error}") from None


def _print_report(exported: "Exported", report: "Report") -> None:
    for line in report.mappings:
        say(line)
    notes = (
        ("left out", exported.refused),
        ("warning", report.warnings),
        ("error", (*exported.problems, *report.errors)),
    )
    for kind, lines in notes:
        for line in lines:
            say(f"{kind}: {line}", err=True)


def _write_configuration(exported: "Exported", write_key: str, out: Path, *, force: bool) -> None:
    """Write the configuration's files into a folder. Raises Failed, before it writes any, if one is there."""
    from forwarder.importing import configuration_of

    out.mkdir(parents=True, exist_ok=True)
    written = configuration_of(exported.subscriptions, write_key)
    for name in written:
        if (out / name).exists() and not force:
            raise Failed(f"{out / name} is there already; --force writes over it")
    for name, text in written.items():
        _write(out / name, text, force=force)


def _files(paths: tuple[Path, ...]) -> list[Path]:
    found: list[Path] = []
    for path in paths:
        found += (
            sorted(one for one in path.rglob("*") if one.suffix in (".tf", ".json"))
            if path.is_dir()
            else [path]
        )
    return found


def _write(path: Path, text: str, *, force: bool) -> None:
    try:
        with path.open("w" if force else "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise Failed(f"{path} is there already; name another with --out") from None
    except OSError as error:
        raise Failed(f"{path} cannot be written: {error.strerror}") from None
