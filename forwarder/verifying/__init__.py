"""Checking a site in real browsers: what its visitors' events carry, and what has to be mended."""
