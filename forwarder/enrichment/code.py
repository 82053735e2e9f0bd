"""The owner's code of each source, loaded by path when the configuration is read."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from browser_plugin.owner.source import OwnerCode, OwnerError
from forwarder.config.settings import EnrichSettings, Settings
from forwarder.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Enrichment:
    """The owner's function of one source, and what becomes of an event that it fails on."""

    version: str
    function: Callable[[dict[str, Any], dict[str, Any]], Any]
    required: bool = False
    """Nothing is kept that the function has not seen to its end."""
    minimal: tuple[str, ...] = ()
    """Where it is required: fields that an event keeps on which the function fails; none: it is not kept."""


def with_code(settings: Settings, path: Path) -> Settings:
    """Return settings under which every source has the code at ``path``, as it has its own."""
    sources = []
    for source in settings.sources:
        given = source.enrich or EnrichSettings(path=path)
        sources.append(source.model_copy(update={"enrich": given.model_copy(update={"path": path})}))
    return settings.model_copy(update={"sources": tuple(sources)})


def enrichments_of(settings: Settings) -> dict[str, Enrichment]:
    """Return the enrichments by source. Raises ConfigError with every problem of all of them."""
    found: dict[str, Enrichment] = {}
    problems: list[str] = []
    for source in settings.sources:
        if source.enrich is None:
            continue
        try:
            code = OwnerCode.read(source.enrich.path)
            function = code.load()
        except OwnerError as error:
            problems += [f"sources.{source.name}.enrich: {line}" for line in error.problems]
        else:
            found[source.name] = Enrichment(
                code.version, function, source.enrich.required, source.enrich.minimal
            )
    if problems:
        raise ConfigError(problems)
    return found
