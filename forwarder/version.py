"""Which version runs: that of the installed package, which pyproject.toml names and nothing else."""

from functools import cache
from importlib.metadata import version


@cache
def running() -> str:
    """Return the version, as ``0.1.0``."""
    return version("amplitude-session-forwarder")
