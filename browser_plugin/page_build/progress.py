"""What a build says of its steps."""

import sys


def say(step: str) -> None:
    """Say what is being done."""
    print(f"build: {step}", file=sys.stderr, flush=True)
