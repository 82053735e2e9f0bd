"""npm packages that Segment's own code uses, run in an embedded JavaScript engine to answer alike."""

from forwarder.javascript.engine import Engine, EngineError
from forwarder.javascript.packages import LIQUID, USER_AGENTS, Package

__all__ = ["LIQUID", "USER_AGENTS", "Engine", "EngineError", "Package"]
