"""What the forwarder counts beyond ingest. ``/metrics`` shows it, the console reads it.

What is made of the spool's counts goes on over restarts; all else begins with the process.
"""

from platform import python_version

from prometheus_client import disable_created_metrics

from forwarder.distribution import Distribution
from forwarder.tally import Tally
from forwarder.version import running

# A series beside each counter that says when it began: nobody asks for it, and it doubles what is scraped.
disable_created_metrics()  # type: ignore[no-untyped-call]  # the package says nothing of its types

BUILD = Tally(
    "forwarder_build_info", "1, with the version that runs and its Python.", ["version", "python"], "gauge"
)
BUILD.add(running(), python_version())
REQUESTS = Tally(
    "forwarder_delivery_requests",
    "Requests to Amplitude by what came back.",
    ["destination", "endpoint", "answer"],
)
WARNINGS = Tally(
    "forwarder_delivery_warnings",
    "What Amplitude cuts, drops or misreads of the events sent, by kind (see forwarder plan --explain).",
    ["destination", "kind"],
)
LATENCY = Distribution(
    "forwarder_delivery_seconds",
    "From accepted here to accepted by Amplitude, for the oldest event of each request.",
    "destination",
    (0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300, 3600, 86400),
)
NEAR_EXPIRY = Tally(
    "forwarder_delivery_near_horizon",
    "Tries of events over 6 days after the first: after 7, Amplitude would count them twice.",
    ["destination"],
)
ENRICHMENTS = Tally(
    "forwarder_enrichment_events",
    "Events of sources with an enrich setting, by how their enrichment ended.",
    ["source", "result"],
)
DOWN = Tally(
    "forwarder_destination_down",
    "1 while requests to the destination are held back.",
    ["destination"],
    kind="gauge",
)
STALLED = Tally(
    "forwarder_destination_stalled",
    "1 while a destination has work and has done nothing for a minute, or fails at it in our own code.",
    ["destination"],
    kind="gauge",
)
FAULTS = Tally(
    "forwarder_faults",
    "Failures of the forwarder's own code, by where it was caught; the log has type and place of each.",
    ["destination", "where"],
)

# From the spool, in which accepted = events by how they ended - redriven + waiting, at every moment.
ACCEPTED = Tally("forwarder_delivery_accepted", "Events accepted for the destination.", ["destination"])
EVENTS = Tally(
    "forwarder_delivery_events",
    "Events by how they ended at a destination.",
    ["destination", "outcome", "reason"],
)
REDRIVEN = Tally("forwarder_delivery_revived", "Dead letters sent again, to end once more.", ["destination"])
WAITING = Tally(
    "forwarder_delivery_waiting", "Events that have not ended yet.", ["destination"], kind="gauge"
)
PARKED = Tally(
    "forwarder_spool_parked", "Of these, set aside for a user or device.", ["destination"], kind="gauge"
)
DEAD = Tally("forwarder_spool_dead", "Dead letters that are kept.", ["destination"], kind="gauge")
DISCARDED = Tally(
    "forwarder_delivery_discarded",
    "Dead letters that went because of a bound on them, by age or size.",
    ["destination", "bound"],
)
REFUSING = Tally(
    "forwarder_spool_refusing", "1 while senders are refused because the spool is full.", kind="gauge"
)
SPOOL_EVENTS = Tally("forwarder_spool_events", "Events waiting for a destination.", kind="gauge")
SPOOL_BYTES = Tally("forwarder_spool_bytes", "Bytes of the events waiting for a destination.", kind="gauge")
SPOOL_MAX_BYTES = Tally("forwarder_spool_max_bytes", "What spool.max_bytes allows to wait.", kind="gauge")
OLDEST_SECONDS = Tally("forwarder_spool_oldest_seconds", "Age of the oldest waiting event.", kind="gauge")

STRAYS = Tally(
    "forwarder_stream_stray_messages",
    "Messages of the stream that no forwarder wrote, and that are passed over.",
)
WRITABLE = Tally(
    "forwarder_spool_writable",
    "1 while events can be accepted; 0 while standing by or without the stream.",
    kind="gauge",
)
