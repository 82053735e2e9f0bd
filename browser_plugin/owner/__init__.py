"""A site owner's own code at build time: reading it, checking it, loading it into the host's Python."""
