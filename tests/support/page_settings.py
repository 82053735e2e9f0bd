"""Settings of a forwarder that serves pages' files, and a file of theirs."""

from pathlib import Path
from typing import Any

from forwarder.config.settings import Server, Settings, Source

WASM = "core-0123456789abcdef.wasm"


def settings(assets: Path, **server: Any) -> Settings:
    return Settings(
        server=Server(assets=assets, **server),
        session={"session_length": 60_000},
        sources=(Source(name="web", write_key="web-key", session={"sessionEvents": True}),),
    )
