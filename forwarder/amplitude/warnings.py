"""What the kinds of warnings mean, in a sentence each."""

from typing import Final

from forwarder.amplitude.lint import Kind

MEANINGS: Final = {
    Kind.SHORT_ID: "The id is too short, and Amplitude drops it.",
    Kind.REFUSED_ID: "The id is one of those that stand for nobody.",
    Kind.NO_ID: "Neither id can be used: Amplitude refuses the event.",
    Kind.LONG_TEXT: "The text is cut.",
    Kind.TOO_DEEP: "The value lies too deep, and is dropped.",
    Kind.TOO_MANY_GROUPS: "Some of the groups are dropped.",
    Kind.RESERVED_NAME: "Amplitude keeps such names to itself.",
    Kind.MIXED_OPERATORS: (
        "Set Once, Set Always or Add together with plain user properties: the plain ones are ignored."
    ),
    Kind.ODD_TIME: "What was mapped is read as a strange time, or as none.",
}
"""The page of docs/reference/warnings.md has an event for each."""
