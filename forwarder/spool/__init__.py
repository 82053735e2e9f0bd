"""The durable queue between accepting and delivering."""
