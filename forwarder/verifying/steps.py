"""The steps of a visit: under which name each is kept, in the order in which they are tried."""

REFUSED = ("refused", "refused by its display name")
"""An event whose ``integrations`` refuse the destination, under each of its names."""
AROUND_IDLE = ("a minute before its time", "a minute after its time")
SUBDOMAIN = "subdomain"
LOADS = ("arrival", "reload", "tab", SUBDOMAIN, "leaving")
"""The steps in which a page loads."""
