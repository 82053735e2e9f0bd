"""A site owner's own code frozen for the page: build tools, which are in no wheel."""
