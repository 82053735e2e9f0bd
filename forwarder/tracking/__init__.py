"""Segment's HTTP API: routes, authentication, limits, normalising, the settings document."""
