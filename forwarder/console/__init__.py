"""The operator's pages: what became of every event, how destinations do, the dead letters."""

from forwarder.console.front import front_page
from forwarder.console.routes import console_routes
from forwarder.console.subject import Shown

__all__ = ["Shown", "console_routes", "front_page"]
