"""What the forwarder counts, for Prometheus. ``/metrics`` shows the default registry."""

from prometheus_client import Counter, Gauge, Histogram

EVENTS = Counter(
    "forwarder_delivery_events",
    "Events by how they ended at a destination.",
    ["destination", "outcome", "reason"],
)
REQUESTS = Counter(
    "forwarder_delivery_requests",
    "Requests to Amplitude by what came back.",
    ["destination", "endpoint", "answer"],
)
WARNINGS = Counter(
    "forwarder_delivery_warnings",
    "What Amplitude cuts, drops or misreads of the events sent, by kind (see forwarder plan --explain).",
    ["destination", "kind"],
)
LATENCY = Histogram(
    "forwarder_delivery_seconds",
    "From accepted to taken, for the oldest event of each request.",
    ["destination"],
    buckets=(0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300, 3600, 86400),
)
NEAR_HORIZON = Counter(
    "forwarder_delivery_near_horizon",
    "Tries of events over 6 days after the first: after 7, Amplitude would count them twice.",
    ["destination"],
)
DOWN = Gauge(
    "forwarder_destination_down", "1 while requests to the destination are held back.", ["destination"]
)
SPOOL_EVENTS = Gauge("forwarder_spool_events", "Events waiting for a destination.")
SPOOL_BYTES = Gauge("forwarder_spool_bytes", "Bytes of the events waiting for a destination.")
OLDEST_SECONDS = Gauge("forwarder_spool_oldest_seconds", "Age of the oldest waiting event.")
PARKED = Gauge("forwarder_spool_parked", "Events set aside for a user or device.", ["destination"])
DEAD = Gauge("forwarder_spool_dead", "Dead letters.", ["destination"])
