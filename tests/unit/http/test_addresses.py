"""Addresses in one form, and what counts as one sender."""

import pytest

from forwarder.addresses import is_loopback, network_of, plain_address, with_mapped


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("::ffff:7f00:1", "127.0.0.1"),
        ("2001:DB8::0:7", "2001:db8::7"),
        ('fe80::1%a"b', "fe80::1"),
        ("unknown", ""),
        ("", ""),
    ],
)
def test_an_address_has_one_form(text: str, plain: str) -> None:
    assert plain_address(text) == plain


def test_a_network_of_ipv6_is_one_sender() -> None:
    assert (
        network_of("2001:db8:1:2::7") == network_of("2001:db8:1:2:ffff::1") != network_of("2001:db8:1:3::7")
    )
    assert (network_of("203.0.113.7"), network_of("")) == ("203.0.113.7", "")


def test_trusted_networks_count_however_a_socket_shows_them() -> None:
    assert with_mapped(["10.0.0.0/8", "127.0.0.1", "2001:db8::/32"]) == [
        *("10.0.0.0/8", "::ffff:10.0.0.0/104", "127.0.0.1", "::ffff:127.0.0.1/128", "2001:db8::/32"),
    ]


@pytest.mark.parametrize("host", ["localhost", "localhost:8300", "127.0.0.1:1", "[::1]:8300", "a.localhost"])
def test_this_machine_is_known_by_name(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "10.0.0.1", ""]
)
def test_other_machines_are_not(host: str) -> None:
    assert not is_loopback(host)
