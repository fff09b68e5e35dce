"""Webhooks over TLS, to a real server with certificates of an authority of the test's own."""

from __future__ import annotations

import json
import logging
import socket
import threading
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from jobs.delivery import http_client
from jobs.models import Delivery
from tests.certificates import Authority
from tests.jobs.delivery.helpers import Succeed, Target, send_next
from tests.sinks import call_sink

HOST = "hook.example.com"
SECRET = "s3cr3t-of-the-address"
OTHER_NAME = (
    "The webhook's certificate is for another name than the one in its address. "
    "Correct the address in the report, or have the certificate made for that name."
)


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Authority:
    """Trusted, as an operator would have it."""
    made = Authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(made.file))
    return made


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch, settings: Any) -> list[str]:
    """The names that were looked up. There is no name server in the tests: each name leads to this machine."""
    names: list[str] = []
    real = socket.getaddrinfo

    def look_up(host: str, *args: Any, **how: Any) -> Any:
        names.append(host)
        return real("127.0.0.1" if host == HOST else host, *args, **how)

    monkeypatch.setattr(http_client.socket, "getaddrinfo", look_up)
    settings.WEBHOOK_ALLOW = [ip_network("127.0.0.0/8")]
    return names


@pytest.fixture
def logged() -> Iterator[list[str]]:
    lines: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(self.format(record))

    handler, logger = Keep(), logging.getLogger("jobs")
    logger.addHandler(handler)
    yield lines
    logger.removeHandler(handler)


def sent(target: Target, succeeded: Succeed, port: int, host: str = HOST) -> Delivery:
    target("webhook", url=f"https://{host}:{port}/hook?key={SECRET}")
    succeeded()
    return send_next()


def test_a_right_certificate_arrives(target: Target, succeeded: Succeed, authority: Authority) -> None:
    with call_sink(authority.server(HOST)) as sink:
        delivery = sent(target, succeeded, sink.port)
    assert (delivery.state, delivery.error) == ("sent", "")
    ((headers, body),) = sink.received
    assert headers["host"] == f"{HOST}:{sink.port}" and json.loads(body)["type"] == "report.succeeded"


def test_the_name_is_held_against_the_certificate_and_the_checked_address_is_called(
    target: Target, succeeded: Succeed, authority: Authority, asked: list[str]
) -> None:
    with call_sink(authority.server(HOST)) as sink:
        assert sent(target, succeeded, sink.port).state == "sent"
    # Once by name, to be checked; then only the address that was.
    assert asked == [HOST, "127.0.0.1"]
    assert sink.names == [HOST]


@pytest.mark.parametrize(
    ("certificate_of", "host", "days", "sentence"),
    [
        ("other.example.com", HOST, 30, OTHER_NAME),
        (HOST, "127.0.0.1", 30, OTHER_NAME),
        (HOST, HOST, -1, "The webhook's certificate has expired. Whoever runs the webhook has to renew it."),
        (HOST, HOST, 100, "The webhook's certificate is not valid yet. Compare the clocks of both servers."),
    ],
)
def test_a_wrong_certificate_is_refused(
    target: Target,
    succeeded: Succeed,
    authority: Authority,
    logged: list[str],
    certificate_of: str,
    host: str,
    days: int,
    sentence: str,
) -> None:
    with call_sink(authority.server(certificate_of, days=days)) as sink:
        delivery = sent(target, succeeded, sink.port, host)
    assert (delivery.state, delivery.error, sink.received) == ("pending", sentence, [])
    nothing_secret(delivery, logged)


def test_an_unknown_authority_is_refused(
    target: Target, succeeded: Succeed, authority: Authority, tmp_path: Path, logged: list[str]
) -> None:
    with call_sink(Authority(tmp_path, "other").server(HOST)) as sink:
        delivery = sent(target, succeeded, sink.port)
    assert (delivery.state, sink.received) == ("pending", [])
    assert delivery.error == (
        "This server does not trust the authority of the webhook's certificate. "
        "An operator can add the authority to those of SSL_CERT_FILE."
    )
    nothing_secret(delivery, logged)


def test_an_address_without_tls_is_told_from_one_that_does_not_answer(
    target: Target, succeeded: Succeed, authority: Authority, logged: list[str]
) -> None:
    with call_sink() as sink:
        delivery = sent(target, succeeded, sink.port)
    assert delivery.error == "The webhook's address begins with https, but TLS could not be agreed on with it."
    nothing_secret(delivery, logged)


def test_who_never_ends_the_handshake_is_not_waited_for(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_client, "_WHOLE_SECONDS", 0.5)
    hung_up = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_drip, args=(server, hung_up), daemon=True).start()
        with pytest.raises(OSError, match=r"."):
            http_client.post(f"https://{HOST}:{server.getsockname()[1]}/", b"", {})
        assert hung_up.wait(5), "the connection was kept for as long as something came"


def _drip(server: socket.socket, hung_up: threading.Event) -> None:
    """A byte of a long TLS record every now and then."""
    caller, _ = server.accept()
    with caller:
        try:
            caller.sendall(b"\x16\x03\x03\x3f\xff")
            for _ in range(50):
                caller.sendall(b"\0")
                if hung_up.wait(0.1):
                    return
        except OSError:
            hung_up.set()


def nothing_secret(delivery: Delivery, logged: list[str]) -> None:
    told = json.dumps(list(delivery.job.events.values_list("details", flat=True)))
    assert logged and SECRET not in "".join(logged) + told + delivery.error
    assert HOST not in told + delivery.error
