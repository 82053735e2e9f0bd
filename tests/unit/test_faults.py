"""What the operating system says beneath an HTTP client's errors, and nothing else."""

import errno
import socket
import ssl

import httpx
import pytest

from forwarder.faults import system_error


def raised(over: BaseException) -> BaseException:
    """Return a client's error as it comes of another one."""
    try:
        try:
            raise OSError("All connection attempts failed") from over
        except OSError as error:
            raise httpx.ConnectError("secret of bob@example.com") from error
    except httpx.ConnectError as error:
        return error


@pytest.mark.parametrize(
    ("over", "said"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "bob"), "Connection refused (ECONNREFUSED)"),
        (OSError(errno.ENETUNREACH, "bob"), "Network is unreachable (ENETUNREACH)"),
        (socket.gaierror(socket.EAI_AGAIN, "no name for now"), "no name for now (EAI_AGAIN)"),
        (ssl.SSLError(1, "bob"), "TLS failed: unknown"),
        (ValueError("bob"), ""),
        (OSError("bob"), ""),
        (
            ExceptionGroup(
                "bob",
                [
                    OSError(errno.ENETUNREACH, ""),
                    OSError(errno.ECONNREFUSED, ""),
                    OSError(errno.ENETUNREACH, ""),
                ],
            ),
            "Network is unreachable (ENETUNREACH); Connection refused (ECONNREFUSED)",
        ),
    ],
)
def test_what_the_system_said(over: BaseException, said: str) -> None:
    assert system_error(raised(over)) == said


def test_errors_that_came_of_each_other_end() -> None:
    one, other = OSError(errno.EPIPE, ""), ValueError()
    one.__context__, other.__context__ = other, one
    assert system_error(other) == "Broken pipe (EPIPE)"
