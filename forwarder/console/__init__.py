"""The operator's pages: what became of every event, how destinations do, the dead letters."""

from forwarder.console.front import front_page
from forwarder.console.routes import Shown, console_routes

__all__ = ["Shown", "console_routes", "front_page"]
