"""A session for every event, however it comes: the page's policy, by event time, on the server."""
