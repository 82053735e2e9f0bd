"""A source's ``enrich`` setting: the owner's own Python, run on events that no page has enriched."""
