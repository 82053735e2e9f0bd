"""Amplitude's wire format: endpoints, limits, items as JSON, requests, and what responses mean."""
