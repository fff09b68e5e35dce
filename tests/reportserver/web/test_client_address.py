"""Whose address counts, behind proxies and without them."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

import pytest
from pytest_django import Settings

from reportserver.web.client_address import ClientAddress, counted_network

CLIENT, PROXY = "203.0.113.9", "10.0.0.1"


@pytest.fixture(autouse=True)
def proxies(settings: Settings) -> None:
    settings.TRUSTED_PROXIES = [ip_network("10.0.0.0/8"), ip_network("2001:db8:1::/48")]
    settings.BEHIND_PROXY = False


def seen(peer: str, **headers: str) -> tuple[str, str]:
    """The address and the scheme that the application sees."""
    environ: dict[str, Any] = {"REMOTE_ADDR": peer, "wsgi.url_scheme": "http"}
    environ |= {f"HTTP_X_FORWARDED_{name.upper()}": value for name, value in headers.items()}
    ClientAddress(lambda environ, start_response: [])(environ, lambda *args: lambda data: None)  # type: ignore[arg-type]
    assert not [name for name in environ if name.startswith("HTTP_X_FORWARDED")]
    return environ["REMOTE_ADDR"], environ["wsgi.url_scheme"]


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        (CLIENT, "", CLIENT),
        (CLIENT, "198.51.100.7", CLIENT),  # not sent by a proxy
        (PROXY, "", PROXY),
        (PROXY, CLIENT, CLIENT),
        (PROXY, f"198.51.100.7, {CLIENT}", CLIENT),  # the client pretends to be a proxy
        (PROXY, f"{CLIENT}, 10.2.0.1,10.3.0.1", CLIENT),
        (PROXY, f"198.51.100.7,{CLIENT},10.2.0.1", CLIENT),
        (PROXY, "10.9.0.1, 10.2.0.1", "10.9.0.1"),
        (PROXY, "unknown", PROXY),
        (PROXY, f"{CLIENT}, unknown, 10.2.0.1", "10.2.0.1"),
        (PROXY, f"{CLIENT},", PROXY),
        (PROXY, f"{CLIENT}:4711", CLIENT),
        (PROXY, "[2001:db8:2::9]:443", "2001:db8:2::9"),
        (PROXY, "2001:DB8:2::9", "2001:db8:2::9"),
        (PROXY, f"::ffff:{CLIENT}", CLIENT),
        (f"::ffff:{PROXY}", CLIENT, CLIENT),
        ("2001:db8:1::1", CLIENT, CLIENT),
        ("2001:db8:2::1", CLIENT, "2001:db8:2::1"),
        ("fe80::1%eth0", CLIENT, "fe80::1"),
        ("", CLIENT, ""),
    ],
)
def test_the_right_most_address_that_is_no_proxys_counts(peer: str, forwarded: str, client: str) -> None:
    assert seen(peer, **{"for": forwarded})[0] == client


@pytest.mark.parametrize(
    ("peer", "forwarded", "scheme"),
    [
        (PROXY, "https", "https"), (PROXY, "HTTPS", "https"), (PROXY, "http", "http"), (PROXY, "", "http"),
        (PROXY, "https, http", "http"), (PROXY, "gopher", "http"), (CLIENT, "https", "http"),
        ("127.0.0.1", "https", "http"),
    ],
)  # fmt: skip
def test_only_a_proxy_names_the_scheme(peer: str, forwarded: str, scheme: str) -> None:
    assert seen(peer, proto=forwarded)[1] == scheme


def test_the_older_setting_believes_this_machine_the_scheme_alone(settings: Settings) -> None:
    settings.TRUSTED_PROXIES, settings.BEHIND_PROXY = [], True
    assert seen("127.0.0.1", proto="https", **{"for": CLIENT}) == ("127.0.0.1", "https")
    assert seen(CLIENT, proto="https") == (CLIENT, "http")


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        (CLIENT, CLIENT), ("::ffff:203.0.113.9", CLIENT), ("2001:db8:2:3:4:5:6:7", "2001:db8:2:3::/64"),
        ("2001:db8:2:3::1", "2001:db8:2:3::/64"), ("", ""), ("a socket", "a socket"),
    ],
)  # fmt: skip
def test_addresses_of_one_ipv6_network_count_as_one(address: str, counted: str) -> None:
    assert counted_network(address) == counted
