"""Comparing what would be sent to Amplitude with what another system sent: by event, by mapping, by field."""
