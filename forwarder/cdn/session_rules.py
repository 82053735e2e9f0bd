"""The session rules of each source: the settings that its pages get, and the forwarder's own."""

from __future__ import annotations

from browser_plugin.settings import read_settings
from forwarder.cdn.session_settings import session_settings
from forwarder.config.sessions import assign_of, flag_of
from forwarder.config.settings import Settings, Source
from forwarder.sessions.facts import SessionRules


def session_rules(settings: Settings) -> dict[str, SessionRules]:
    """Return the rules by source, without sources for which nothing is assigned and no session closed."""
    scopes = _scopes(settings)
    rules = {source.name: _rules(settings, source, scopes[source.name]) for source in settings.sources}
    return {name: one for name, one in rules.items() if one.assign != "off" or one.close}


def _rules(settings: Settings, source: Source, scope: str) -> SessionRules:
    given = {**settings.session, **source.session}
    page, _ = read_settings(session_settings(settings, source))
    assign = assign_of(given)
    return SessionRules(
        source=source.name,
        assign=assign,
        join=flag_of(given, "join", True) and assign != "off",
        close=flag_of(given, "close", False),
        length=page.session_length,
        maximum=page.maximum_length,
        new_on_user_change=page.new_on_user_change,
        event_types=page.event_types,
        started_name=page.started_name,
        ended_name=page.ended_name,
        scope=scope,
    )


def _scopes(settings: Settings) -> dict[str, str]:
    """Return what keeps users apart, by source: sources that share a destination know the same users.

    Empty where all share; else the first name of the destinations that a group of sources has.
    """
    scopes = {source.name: f"\1{source.name}" for source in settings.sources}
    for destination in sorted(settings.destinations, key=lambda one: one.name, reverse=True):
        names = scopes.keys() if destination.sources is None else destination.sources
        joined = {scopes[name] for name in names if name in scopes}
        scopes = {name: destination.name if one in joined else one for name, one in scopes.items()}
    return scopes if len(set(scopes.values())) > 1 else dict.fromkeys(scopes, "")
