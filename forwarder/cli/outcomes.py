"""The lines of ``forwarder plan`` about one event: JSON, or an explanation for people."""

from collections.abc import Mapping

from forwarder.amplitude import AmplitudeDestination
from forwarder.cli.explanations import explained, rejected_explained
from forwarder.cli.plans import plan_line, rejected_line
from forwarder.config.settings import Settings
from forwarder.trial.accepting import Accepted, Rejected
from forwarder.trial.explanation import skips_of


def show_outcome(
    event: object,
    done: Accepted | Rejected,
    settings: Settings,
    destinations: Mapping[str, AmplitudeDestination],
    *,
    explain: bool,
) -> list[str]:
    """Return the lines about ``event``, of which ingest would make ``done``; ``explain``: for people."""
    if isinstance(done, Rejected):
        return [*rejected_explained(event, done)] if explain else [rejected_line(event, done)]
    skips = skips_of(settings, done.source, done.event.get("integrations"))
    if not explain:
        return [plan_line(done.event, destinations, skips, done.effect)]
    effect = done.effect.lines() if done.effect else []
    return [*explained(done.event, destinations, skips), *effect]
