"""The description of the public routes, as an OpenAPI document; a test holds the routes against it."""

from functools import cache

import orjson

from forwarder.http.metrics import REPORTED
from forwarder.ingest.routes import BASES, KINDS
from forwarder.ingest.validation import TYPES
from forwarder.openapi.schemas import Json, ref, schemas

_EVERYONE: Json = {"Access-Control-Allow-Origin": {"schema": {"type": "string"}}}
_SECONDS: Json = {"required": True, "schema": {"type": "integer", "minimum": 1, "maximum": 300}}
_WAIT: Json = {"Retry-After": _SECONDS, "X-RateLimit-Reset": _SECONDS}
_NAMES: Json = {"type": "string", "pattern": "^[a-z0-9_.-]+$"}


def _json(description: str, schema: Json, **headers: object) -> Json:
    return {
        "description": description,
        "headers": headers,
        "content": {"application/json": {"schema": schema}},
    }


def _error(description: str, **headers: object) -> Json:
    return _json(description, ref("Error"), **headers)


def _file(description: str, media: str) -> Json:
    content = {media: {"schema": {"type": "string"}}}
    return {"description": description, "headers": _EVERYONE, "content": content}


def _post(kind: str, carries: str | None) -> Json:
    schema = ref(carries.capitalize() if carries else "Batch")
    return {
        "operationId": kind.strip("/").replace("/", "_"),
        "summary": f"Take one {carries} event." if carries else "Take events of any type.",
        "security": [{"writeKey": []}, {"token": []}, {}],
        "requestBody": {
            "required": True,
            "content": {media: {"schema": schema} for media in ("application/json", "text/plain")},
        },
        "responses": {
            "200": _json("Every event is on disk, or could never be taken and is counted.", ref("Taken")),
            "400": _error("Not JSON, too large or too deep; events rejected by a strict source."),
            "401": _error("No write key, or one that is not known here."),
            "403": _error("The source takes no events of this page's origin."),
            "415": _error("A Content-Encoding other than gzip and deflate."),
            "429": _error("Send it again later.", **_WAIT),
            "500": _error("The forwarder failed; send it again."),
            "503": _error("What keeps events cannot be written; send it again.", **_WAIT),
        },
    }


def _get(summary: str, ok: Json, *parameters: Json, **more: object) -> Json:
    responses: Json = {"200": ok, **more}
    return {"get": {"summary": summary, "parameters": list(parameters), "responses": responses}}


def _parameter(name: str, schema: Json, place: str = "path") -> Json:
    return {"name": name, "in": place, "required": True, "schema": schema}


def _rudderstack(known: Json) -> Json:
    source = _json("The source.", {"type": "object", "required": ["source"]}, **_EVERYONE)
    key = {**_parameter("writeKey", {"type": "string"}, "query"), "required": False}
    summary = "What RudderStack's libraries ask for first; apps send the key as user name."
    asked = _get(summary, source, key, **known)
    return {"get": {**asked["get"], "security": [{"writeKey": []}, {}]}}  # type: ignore[dict-item]


def _page_paths() -> Json:
    known: Json = {
        "304": {"description": "The browser's copy is still right."},
        "404": _error("There is none of this name."),
    }
    unsure: Json = {"503": _error("`server.public_url` is not set, and the request is not for this machine.")}
    key, name = _parameter("write_key", _NAMES), _parameter("name", _NAMES)
    script = _file("The script.", "text/javascript")
    picture = _file("A transparent picture.", "image/gif")
    document = _json("The settings document.", {"type": "object", "required": ["integrations"]}, **_EVERYONE)
    kinds: Json = {"kind": {"enum": sorted(REPORTED)}}
    reports: Json = {"type": "object", "properties": kinds}
    pixel = (
        _parameter("kind", {"enum": [*TYPES, *(name[0] for name in TYPES)]}),
        {**_parameter("data", {"description": "Base64 of one event."}, "query"), "required": False},
    )
    failed: Json = {"404": _error("No such type."), "429": picture, "500": picture, "503": picture}
    return {
        **{
            f"{base}/projects/{{write_key}}/settings": _get(
                "What Analytics.js and Segment's libraries for apps ask for first.",
                document,
                key,
                **known,
                **unsure,
            )
            for base in ("/v1", "/d", "")
        },
        **{f"/sourceConfig{end}": _rudderstack(known) for end in ("", "/")},
        **{
            f"/analytics.js/v1/{{write_key}}/{middle}analytics{form}.js": _get(
                "Analytics.js.", script, key, **known
            )
            for middle in ("", "platform/")
            for form in (".min", "")
        },
        "/p/a/{write_key}.js": _get("Analytics.js under a neutral name.", script, key, **known),
        "/analytics-next/bundles/{name}": _get("A lazy part of Analytics.js.", script, name, **known),
        "/p/{name}": _get("A file of the session plugin.", _file("The file.", "*/*"), name, **known),
        "/v1/pixel/{kind}": _get("Take one event from an address.", picture, *pixel, **failed),
        "/p/i/{kind}": _get("The same under a neutral name.", picture, *pixel, **failed),
        "/p/report": {
            "post": {
                "summary": "Count what went wrong in a page's plugin.",
                "requestBody": {"content": {"text/plain": {"schema": reports}}},
                "responses": {"204": {"description": "Counted.", "headers": _EVERYONE}},
            }
        },
    }


@cache
def openapi() -> bytes:
    """Return the document as JSON."""
    events: Json = {
        f"{base}/{kind}": {"post": _post(f"{base}/{kind}", carries)}
        for base in BASES
        for kind, carries in KINDS.items()
    }
    health = _json("It runs.", {"type": "object", "required": ["status", "version"]})
    counters = _file("Prometheus' text format.", "text/plain")
    operator: Json = {"401": _error("The operator's token is missing or another one.")}
    metrics = _get("Counters.", counters, **operator)
    document: Json = {
        "openapi": "3.1.0",
        "info": {
            "title": "The forwarder's tracking API",
            "version": "1",
            "description": "Segment's HTTP tracking API, and what pages load. Every error is JSON with a code"
            " and a message; 5xx and 429 may be sent again, other errors are final.",
        },
        "paths": {
            **events,
            **_page_paths(),
            "/health": _get(
                "Whether the process is alive.",
                health,
                **{"503": _json("Start it again.", {"type": "object", "required": ["status"]}, **_WAIT)},
            ),
            "/ready": _get(
                "Whether events can be accepted.",
                health,
                **{"503": _json("They cannot.", {"type": "object", "required": ["status"]}, **_WAIT)},
            ),
            "/metrics": {"get": {**metrics["get"], "security": [{"operator": []}]}},  # type: ignore[dict-item]
        },
        "components": {
            "schemas": schemas(),
            "securitySchemes": {
                "writeKey": {"type": "http", "scheme": "basic", "description": "The key as user name."},
                "token": {"type": "http", "scheme": "bearer", "description": "Beside writeKey in the body."},
                "operator": {"type": "http", "scheme": "bearer"},
            },
        },
    }
    return orjson.dumps(document)
