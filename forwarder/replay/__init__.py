"""Sending events once more, from history or from files: beside a running forwarder, which it never slows."""
