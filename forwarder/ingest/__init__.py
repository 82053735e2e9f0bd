"""Ingest: from a request's bytes to events in the spool, each checked and brought into one form."""
