"""The settings document that Analytics.js fetches before it does anything else."""

import orjson

from browser_plugin.destinations import NAME, OTHER_NAME
from forwarder.cdn.session_settings import session_settings
from forwarder.config.settings import Settings, Source

_UPDATED = "2026-01-01T00:00:00.000Z"


def settings_document(
    settings: Settings, source: Source, origin: str, *, app: bool = False, plugin: bool = True
) -> bytes:
    """Return the document for one source as JSON.

    ``plugin``: whether this forwarder has the plugin's files; a page is sent to none that are not there.

    ``origin``: this forwarder as the page reaches it, with the path below which it is; ``app``: for a mobile
    library, whose session plugins work only where the destination is named among the integrations.
    """
    scheme, _, host = origin.partition("://")
    document = {
        # Pages get one name only: for a second one Analytics.js first loads classic integrations, and does
        # not start at all where their bundle is not served.
        "integrations": {
            "Segment.io": {
                "apiKey": source.write_key,
                "apiHost": f"{host}/{settings.server.api_path}",
                "protocol": scheme,
                "unbundledIntegrations": [],
                "addBundledMetadata": True,
                "maybeBundledConfigIds": {},
            },
            **({NAME: {"type": "server", "bundlingStatus": "unbundled"}} if app else {}),
        },
        "remotePlugins": [_plugin(settings, source, origin)] if plugin else [],
        "plan": {},
        "edgeFunction": {},
        "analyticsNextEnabled": True,
        "legacyVideoPluginsEnabled": False,
        # Otherwise Analytics.js posts its own counters to Segment.
        "metrics": {"sampleRate": 0},
        "middlewareSettings": {},
        "enabledMiddleware": {},
    }
    return orjson.dumps(document)


def _plugin(settings: Settings, source: Source, origin: str) -> dict[str, object]:
    """Return what has Analytics.js load the session plugin."""
    return {
        # As Segment's loader expects it: consent given or refused at load under either name counts.
        "name": OTHER_NAME,
        "creationName": NAME,
        "libraryName": "amplitudeSessionPlugin",
        "url": f"{origin}/p/session-plugin.js",
        "settings": session_settings(settings, source),
    }


def rudderstack_document(source: Source) -> bytes:
    """Return what RudderStack's libraries ask for instead: a source without device-side parts."""
    quiet = {"statsCollection": {"errors": {"enabled": False}, "metrics": {"enabled": False}}}
    described = {
        "id": source.name,
        "name": source.name,
        "writeKey": source.write_key,
        "workspaceId": source.name,
        "enabled": True,
        "updatedAt": _UPDATED,
        "config": quiet,
        "destinations": [],
        "connections": [],
        "dataplanes": {},
    }
    return orjson.dumps({"source": described, "updatedAt": _UPDATED})
