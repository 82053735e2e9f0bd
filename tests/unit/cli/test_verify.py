"""``forwarder verify`` without a browser: what it says, and how it ends."""

import sys

import pytest
from click.testing import CliRunner, Result

from forwarder.cli import cli


def run(*words: str) -> Result:
    return CliRunner().invoke(cli, ["verify", *words], prog_name="forwarder")


def test_without_playwright_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "playwright.sync_api", None)
    done = run("https://www.example.com/")
    assert done.exit_code == 1
    assert "pip install 'amplitude-session-forwarder[verify]'" in done.output


@pytest.mark.parametrize(
    "words", [["www.example.com"], ["https://a.example.com/", "--subdomain", "b.example.com"]]
)
def test_an_address_is_given_whole(words: list[str]) -> None:
    done = run(*words)
    assert done.exit_code == 2
    assert "give it whole" in done.output
