"""What no setting alone can show: names that are there twice, or that name nothing."""

from collections.abc import Iterable, Mapping

from forwarder.config.sessions import session_problems


def tables(values: Mapping[str, object], name: str) -> list[dict[str, object]]:
    """Return the tables of an array of tables, as far as it is one."""
    given = values.get(name)
    return [table for table in given if isinstance(table, dict)] if isinstance(given, list) else []


def contradictions(values: Mapping[str, object]) -> list[str]:
    """Return one line for each contradiction in a parsed file, whatever else is wrong with it."""
    sources, destinations = tables(values, "sources"), tables(values, "destinations")
    names = _texts(sources, "name")
    problems = [
        *_twice("sources", names),
        *_twice("destinations", _texts(destinations, "name")),
        *_twice("write keys", _texts(sources, "write_key")),
    ]
    known = sorted(set(names)) if "sources" in values else ["demo"]
    for destination in destinations:
        wanted = destination.get("sources")
        problems += [
            f"destinations.{destination.get('name')}.sources: there is no source {name}; name one of"
            f" {', '.join(known) or '(none)'}"
            for name in (wanted if isinstance(wanted, list) else ())
            if isinstance(name, str) and name not in known
        ]
    problems += _session("session", values.get("session"), shared=True)
    for source in sources:
        problems += _session(f"sources.{source.get('name')}.session", source.get("session"), shared=False)
    return problems


def _texts(given: Iterable[Mapping[str, object]], name: str) -> list[str]:
    return [text for table in given if isinstance(text := table.get(name), str)]


def _twice(kind: str, names: list[str]) -> list[str]:
    twice = sorted({name for name in names if names.count(name) > 1})
    return [f"{kind}: {name} is there twice; give each its own" for name in twice]


def _session(place: str, given: object, *, shared: bool) -> list[str]:
    """Check settings about sessions: those of the page's plugin by its own rules."""
    found = session_problems(given, shared=shared) if isinstance(given, dict) else []
    return [f"{place}.{problem}" for problem in found]
