"""What requests hold, as schemas: what a strict source takes. Others take it all and count what is wrong."""

from forwarder.ingest.validation import TYPES

Json = dict[str, object]

_ID: Json = {"type": ["string", "number"], "minLength": 1}
_OBJECT: Json = {
    "anyOf": [{"type": ["object", "null"]}, {"type": "array", "maxItems": 0}],
    "description": "An empty list counts as an empty object.",
}


def ref(name: str) -> Json:
    """Return a reference to a schema."""
    return {"$ref": f"#/components/schemas/{name}"}


def _text(description: str) -> Json:
    """Describe a text; anything else there counts as absent, so no type is demanded."""
    return {"description": f"{description} Anything but a text counts as absent."}


def _time(description: str) -> Json:
    """Describe a time; other forms that languages write are read as well."""
    text: Json = {"type": "string", "format": "date-time"}
    return {"anyOf": [text, {"type": "null"}], "description": description}


def _event(own: Json, *required: str) -> Json:
    fields: Json = {
        "messageId": _text("Made when missing. One is taken once within 24 hours."),
        "timestamp": _time("When it happened by the sender's clock."),
        "sentAt": _time("When it was sent by the same clock, to correct a wrong one."),
        "writeKey": _text("The source's key, where it is not in Authorization."),
        "context": _OBJECT,
        "integrations": _OBJECT,
        "properties": _OBJECT,
        "traits": _OBJECT,
    }
    somebody = [{"required": [name], "properties": {name: _ID}} for name in ("userId", "anonymousId")]
    return {"type": "object", "properties": {**fields, **own}, "required": list(required), "anyOf": somebody}


def _typed(kind: str) -> Json:
    """Describe one event of a batch, which names its type itself."""
    named: Json = {"required": ["type"], "properties": {"type": {"const": kind}}}
    return {"allOf": [ref(kind.capitalize()), named]}


def schemas() -> Json:
    """Return the schemas by name."""
    error_fields: Json = {
        "success": {"const": False},
        "code": {"type": "string", "description": "What it is, for programs."},
        "message": {"type": "string", "description": "What it is and how to mend it."},
        "errors": {"type": "array", "description": "Each rejected event of a strict source's batch."},
    }
    beside = "What stands here counts where an event has none. Anything but an object counts as absent."
    return {
        "Taken": {"type": "object", "properties": {"success": {"const": True}}, "required": ["success"]},
        "Error": {"type": "object", "properties": error_fields, "required": ["success", "code", "message"]},
        "Track": _event({"event": {"type": "string", "minLength": 1}}, "event"),
        "Page": _event({"name": _text("The page's name."), "category": _text("Its category.")}),
        "Screen": _event({"name": _text("The screen's name."), "category": _text("Its category.")}),
        "Identify": _event({}),
        "Group": _event({"groupId": _ID}, "groupId"),
        "Alias": _event({"previousId": _ID}, "previousId"),
        "Batch": {
            "type": "object",
            "required": ["batch"],
            "properties": {
                "batch": {"type": "array", "items": {"anyOf": [_typed(kind) for kind in TYPES]}},
                "writeKey": _text("The source's key, where it is not in Authorization."),
                "sentAt": _time("When it was sent by the sender's clock."),
                "context": {"description": beside},
                "integrations": {"description": beside},
            },
        },
    }
