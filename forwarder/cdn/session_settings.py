"""The session plugin's settings for the pages of one source, and where each of them comes from."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from browser_plugin.settings import TABLE, check, names_of_settings
from forwarder.amplitude.session_mapping import session_mappings
from forwarder.config.settings import Settings, Source


@dataclass(frozen=True, slots=True)
class Adopted:
    """A setting that a destination's session mapping brings. ``origin``: the destination and subscription."""

    name: str
    value: object
    origin: str


def session_settings(settings: Settings, source: Source) -> dict[str, object]:
    """Return the settings that differ from the plugin's defaults, under the names pages use.

    What the source says counts before ``[session]``, and that before a destination's session mapping.
    """
    chosen = {name: one.value for name, one in adopted(settings, source).items()}
    chosen |= _by_page_name(settings.session)
    chosen |= _by_page_name(source.session)
    defaults = {setting.page: setting.default for setting in TABLE}
    return {name: chosen[name] for name in defaults if name in chosen and chosen[name] != defaults[name]}


def adopted(settings: Settings, source: Source) -> dict[str, Adopted]:
    """Return what session mappings say to a source's pages, by setting; the first to say it counts."""
    found: dict[str, Adopted] = {}
    for one in _said(settings, source):
        found.setdefault(one.name, one)
    return found


def notes_of(settings: Settings) -> list[str]:
    """Return one line for each setting that pages get from a destination's mapping."""
    lines: dict[str, None] = {}
    for source in settings.sources:
        own = _by_page_name(settings.session) | _by_page_name(source.session)
        for one in adopted(settings, source).values():
            if one.name not in own:
                lines[f"session.{one.name}: {one.value!r}, from {one.origin}"] = None
    return list(lines)


def mapping_doubts(settings: Settings) -> list[str]:
    """Return one line for what a session mapping says in vain: unusable, or outdone by another place."""
    found = [
        f"destinations.{destination.name}: {doubt}"
        for destination in settings.destinations
        for mapping in session_mappings(destination.subscriptions)
        for doubt in mapping.doubts
    ]
    for source in settings.sources:
        shared, own = _by_page_name(settings.session), _by_page_name(source.session)
        first = adopted(settings, source)
        for one in _said(settings, source):
            winner, place = first[one.name].value, first[one.name].origin
            if one.name in shared:
                winner, place = shared[one.name], "[session]"
            if one.name in own:
                winner, place = own[one.name], f"sources.{source.name}.session"
            if winner != one.value:
                found.append(
                    f"{one.origin}: {one.name} is {one.value!r}, but {place} says {winner!r}, which counts;"
                    " take one of them out"
                )
    return list(dict.fromkeys(found))


def _said(settings: Settings, source: Source) -> Iterator[Adopted]:
    """Yield what session mappings say to a source's pages, in the order of the configuration."""
    for destination in settings.destinations:
        if destination.sources is not None and source.name not in destination.sources:
            continue
        for mapping in session_mappings(destination.subscriptions):
            origin = f"destinations.{destination.name}: {mapping.place}"
            for name, value in mapping.settings.items():
                yield Adopted(name, value, origin)


def _by_page_name(given: Mapping[str, object]) -> dict[str, object]:
    """Return checked settings that are written under any of their names, each under the page's."""
    names = names_of_settings()
    known = [(names[name], value) for name, value in given.items() if name in names]
    return {setting.page: check(setting, value)[0] for setting, value in known}
