"""Reading settings from the environment. tests/acceptance/test_settings.py starts the server with wrong values."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from reportserver import environment

DEFAULT_URL = "sqlite:////tmp/x.db"
Set = Callable[[str], None]


@pytest.fixture
def set_x(monkeypatch: pytest.MonkeyPatch) -> Set:
    """Set the variable X."""
    return lambda value: monkeypatch.setenv("X", value)


@pytest.mark.parametrize(("value", "number"), [("1", 1), ("0042", 42), ("1000000000", 10**9)])
def test_whole_numbers(set_x: Set, value: str, number: int) -> None:
    set_x(value)
    assert environment.whole_number("X", 7) == number


@pytest.mark.parametrize("value", ["", "0", "00", "-1", "+1", "1.0", "1e3", " 1", "1_000", "²", "٣", "x", "\n"])
def test_other_numbers_are_refused(set_x: Set, value: str) -> None:
    set_x(value)
    with pytest.raises(ImproperlyConfigured) as error:
        environment.whole_number("X", 7)
    assert str(error.value) == f"X must be a whole number of at least 1, not {value!r}."


@pytest.mark.parametrize("value", ["101", "9" * 5000])
def test_a_number_over_the_maximum_is_refused_with_the_reason(set_x: Set, value: str) -> None:
    set_x(value)
    with pytest.raises(ImproperlyConfigured, match=r"^X must be at most 100, not '\d{3,40}': it is a lot\.$"):
        environment.whole_number("X", 7, maximum=100, reason="it is a lot")


def test_a_variable_that_is_not_set_has_its_default(tmp_path: Path) -> None:
    assert environment.whole_number("X", 7) == 7
    assert environment.flag("X", True) is True
    assert environment.text("X", "y") == "y"
    assert environment.texts("X") == environment.networks("X") == []
    assert environment.redis_url("X") == ""
    assert environment.email_server("X") == {}
    assert environment.folder("X", tmp_path / "a" / "b").is_dir()


@pytest.mark.parametrize(("value", "on"), [("1", True), ("YES", True), ("on", True), ("false", False), ("Off", False)])
def test_flags(set_x: Set, value: str, on: bool) -> None:
    set_x(value)
    assert environment.flag("X", not on) is on


@pytest.mark.parametrize("value", ["", "2", "maybe"])
def test_other_flags_are_refused(set_x: Set, value: str) -> None:
    set_x(value)
    with pytest.raises(ImproperlyConfigured, match=r"^X must be 1 or 0, not "):
        environment.flag("X", True)


def test_a_choice_names_the_others(set_x: Set) -> None:
    set_x("c")
    with pytest.raises(ImproperlyConfigured, match=r"^X must be one of a, b, not 'c'\.$"):
        environment.choice("X", ("a", "b"), "a")


@pytest.mark.parametrize("value", ["localhost", "127.0.0.1", "::1", "a-b.example.com.", "192.0.2.1"])
def test_hosts(set_x: Set, value: str) -> None:
    set_x(value)
    assert environment.host("X", "h") == value


def test_an_ipv6_address_is_bracketed_in_urls() -> None:
    assert [environment.bracketed(host) for host in ("::1", "127.0.0.1", "h")] == ["[::1]", "127.0.0.1", "h"]


@pytest.mark.parametrize(
    ("value", "url"),
    [("https://r.example.com/", "https://r.example.com"), ("http://[::1]:8000/a/", "http://[::1]:8000/a")],
)
def test_public_urls_have_no_slash_at_the_end(set_x: Set, value: str, url: str) -> None:
    set_x(value)
    assert environment.public_url("X", "http://h") == url


@pytest.mark.parametrize("value", ["https://h\n.x", "https://h\t", "ftp://h", "https://h:0", "https://u:hush@h:x"])
def test_other_public_urls_are_refused_without_a_password(set_x: Set, value: str) -> None:
    set_x(value)
    with pytest.raises(ImproperlyConfigured, match=r"^X must be an http or https address, not ") as error:
        environment.public_url("X", "http://h")
    assert "hush" not in str(error.value)


@pytest.mark.parametrize("value", ["redis://h", "redis://h:6379/", "rediss://:pass@h:6379/15"])
def test_redis_urls(set_x: Set, value: str) -> None:
    set_x(value)
    assert environment.redis_url("X") == value


def test_networks(set_x: Set) -> None:
    set_x("10.1.0.0/16, ::1/128,")
    assert environment.networks("X") == [ip_network("10.1.0.0/16"), ip_network("::1/128")]
    set_x("10.1.0.1/16")
    with pytest.raises(ImproperlyConfigured, match=r"^X must be networks such as "):
        environment.networks("X")


def test_trusted_proxies(set_x: Set) -> None:
    assert environment.trusted_proxies("X") == []
    set_x("10.1.2.3, fd00::/8")
    assert environment.trusted_proxies("X") == [ip_network("10.1.2.3/32"), ip_network("fd00::/8")]
    set_x("10.1.2.3,0.0.0.0/0")
    with pytest.raises(ImproperlyConfigured, match=r"^X must not contain every address: anybody could pretend to be "):
        environment.trusted_proxies("X")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("smtp://h", {"EMAIL_HOST": "h", "EMAIL_PORT": None}),
        (
            "smtp+tls://me%40x.org:p%2Fw@h:587",
            {"EMAIL_HOST": "h", "EMAIL_PORT": 587, "EMAIL_USE_TLS": True, "EMAIL_HOST_USER": "me@x.org",
             "EMAIL_HOST_PASSWORD": "p/w"},
        ),
        ("smtp+ssl://h:465", {"EMAIL_USE_SSL": True}),
    ],
)  # fmt: skip
def test_mail_servers(set_x: Set, value: str, expected: dict[str, Any]) -> None:
    set_x(value)
    config = environment.email_server("X")
    assert expected.items() <= config.items()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("sqlite:////srv/a%20b.db", {"ENGINE": "django.db.backends.sqlite3", "NAME": "/srv/a b.db"}),
        (
            "postgresql://me:p%40ss@h:5433/reports?sslmode=require",
            {"NAME": "reports", "USER": "me", "PASSWORD": "p@ss", "HOST": "h", "PORT": 5433,
             "OPTIONS": {"sslmode": "require"}},
        ),
        ("postgres://h/x", {"ENGINE": "django.db.backends.postgresql", "PORT": ""}),
        ("postgresql:////var/run/postgresql/x", {"HOST": "/var/run/postgresql", "NAME": "x"}),
        ("postgresql://a:1,b:2/x", {"HOST": "a,b", "PORT": "1,2"}),
        ("postgresql://?service=reports", {"NAME": "", "OPTIONS": {"service": "reports"}}),
    ],
)  # fmt: skip
def test_databases(set_x: Set, value: str, expected: dict[str, Any]) -> None:
    set_x(value)
    config = environment.database("X", DEFAULT_URL)
    assert expected.items() <= config.items()
