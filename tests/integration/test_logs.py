"""Log lines of a whole process: spared, as text or JSON, safe in both."""

import json
import subprocess
import sys
from collections import Counter

import pytest

from tests.support.processes import ROOT

LINES = """
import logging, sys, structlog
from forwarder.logs import configure_logs
configure_logs("info", text=sys.argv[1] == "text")
structlog.get_logger().warning("something happened", who="\\x1b]0;t\\x07\\u202e", many=["a\\x9b", 1])
logging.getLogger("uvicorn.error").info("of the server's \\x1b[2J")
"""


MANY = """
import logging, structlog
from forwarder.logs import configure_logs
configure_logs("info")
for _ in range(100):
    structlog.get_logger().info("ours")
    logging.getLogger("uvicorn.error").warning("of the server's")
    logging.getLogger("httpx").info("HTTP Request: POST https://api2.amplitude.com/2/httpapi")
"""


def test_lines_of_ours_and_of_the_server_are_spared_and_uploads_are_none() -> None:
    done = subprocess.run([sys.executable, "-c", MANY], cwd=ROOT, capture_output=True, text=True, check=True)
    said = Counter(json.loads(line)["event"] for line in done.stderr.splitlines())
    assert set(said) == {"ours", "of the server's"}
    # 20 in each second that the program took.
    assert all(20 <= count < 100 for count in said.values()), said


@pytest.mark.parametrize("text", [True, False])
def test_logs_are_lines_of_text_or_json_and_safe_in_both(text: bool) -> None:
    command = [sys.executable, "-c", LINES, "text" if text else "json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    ours, servers = done.stderr.strip().split("\n")
    assert ours.isprintable()
    assert servers.isprintable()
    assert "something happened" in ours
    if text:
        assert not ours.startswith("{")
        assert "warning" in ours
        assert "who=" in ours
    else:
        assert json.loads(ours)["level"] == "warning"
        assert json.loads(servers)["event"].startswith("of the server's")
