"""Webhooks over TLS, to a real server with certificates of a test authority."""

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

from common.outbound import connecting, http_client
from common.outbound.connecting import AddressRules
from jobs.models import Delivery
from tests.certificates import Authority
from tests.jobs.delivery.helpers import AddTarget, Succeed, send_next
from tests.sinks import call_sink

HOST = "hook.example.com"
LOCAL = AddressRules((ip_network("127.0.0.0/8"),))
SECRET = "s3cr3t-of-the-address"
WRONG_HOST = (
    "The webhook's certificate is for another host than the one in its URL. "
    "Correct the URL in the report, or install a certificate for that host."
)


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Authority:
    """An authority that the server trusts, as an operator would configure it."""
    authority = Authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    return authority


@pytest.fixture(autouse=True)
def resolved(monkeypatch: pytest.MonkeyPatch, settings: Any) -> list[str]:
    """The names that were resolved. The tests have no name server: each name resolves to this machine."""
    names: list[str] = []
    getaddrinfo = socket.getaddrinfo

    def resolve(host: str, *args: Any, **kwargs: Any) -> Any:
        names.append(host)
        return getaddrinfo("127.0.0.1" if host == HOST else host, *args, **kwargs)

    monkeypatch.setattr(connecting.socket, "getaddrinfo", resolve)
    settings.WEBHOOK_ALLOW = [ip_network("127.0.0.0/8")]
    return names


@pytest.fixture
def log_lines() -> Iterator[list[str]]:
    lines: list[str] = []

    class Recorder(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(self.format(record))

    handler, logger = Recorder(), logging.getLogger("jobs")
    logger.addHandler(handler)
    yield lines
    logger.removeHandler(handler)


def send_webhook(add_target: AddTarget, succeed: Succeed, port: int, host: str = HOST) -> Delivery:
    add_target("webhook", url=f"https://{host}:{port}/hook?key={SECRET}")
    succeed()
    return send_next()


def test_a_server_with_a_valid_certificate_is_called(
    add_target: AddTarget, succeed: Succeed, authority: Authority
) -> None:
    with call_sink(authority.server(HOST)) as sink:
        delivery = send_webhook(add_target, succeed, sink.port)
    assert (delivery.state, delivery.error) == ("sent", "")
    ((headers, body),) = sink.received
    assert headers["host"] == f"{HOST}:{sink.port}" and json.loads(body)["type"] == "report.succeeded"


def test_the_certificate_is_checked_for_the_host_and_the_checked_address_is_called(
    add_target: AddTarget, succeed: Succeed, authority: Authority, resolved: list[str]
) -> None:
    with call_sink(authority.server(HOST)) as sink:
        assert send_webhook(add_target, succeed, sink.port).state == "sent"
    # Resolved once, to be checked. The connection is made to the checked address, not to the name. Other threads of the
    # tests look up addresses too.
    assert resolved.count(HOST) == 1
    assert sink.names == [HOST]


@pytest.mark.parametrize(
    ("certificate_host", "host", "days", "error"),
    [
        ("other.example.com", HOST, 30, WRONG_HOST),
        (HOST, "127.0.0.1", 30, WRONG_HOST),
        (HOST, HOST, -1, "The webhook's certificate has expired. The webhook's operator must renew it."),
        (HOST, HOST, 100, "The webhook's certificate is not valid yet. Compare the clocks of both servers."),
    ],
)
def test_an_invalid_certificate_is_refused(
    add_target: AddTarget,
    succeed: Succeed,
    authority: Authority,
    log_lines: list[str],
    certificate_host: str,
    host: str,
    days: int,
    error: str,
) -> None:
    with call_sink(authority.server(certificate_host, days=days)) as sink:
        delivery = send_webhook(add_target, succeed, sink.port, host)
    assert (delivery.state, delivery.error, sink.received) == ("pending", error, [])
    assert_nothing_secret_is_told(delivery, log_lines)


def test_an_unknown_authority_is_refused(
    add_target: AddTarget, succeed: Succeed, authority: Authority, tmp_path: Path, log_lines: list[str]
) -> None:
    with call_sink(Authority(tmp_path, "other").server(HOST)) as sink:
        delivery = send_webhook(add_target, succeed, sink.port)
    assert (delivery.state, sink.received) == ("pending", [])
    assert delivery.error == (
        "This server does not trust the authority of the webhook's certificate. "
        "An operator can add the authority to those of SSL_CERT_FILE."
    )
    assert_nothing_secret_is_told(delivery, log_lines)


def test_a_server_without_tls_has_an_error_of_its_own(
    add_target: AddTarget, succeed: Succeed, authority: Authority, log_lines: list[str]
) -> None:
    with call_sink() as sink:
        delivery = send_webhook(add_target, succeed, sink.port)
    assert delivery.error == "The webhook's URL starts with https, but its server does not accept TLS."
    assert_nothing_secret_is_told(delivery, log_lines)


def test_a_handshake_that_never_ends_is_ended(authority: Authority) -> None:
    hung_up = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_drip, args=(server, hung_up), daemon=True).start()
        with pytest.raises(OSError, match=r"."):
            http_client.post(f"https://{HOST}:{server.getsockname()[1]}/", b"", {}, LOCAL, timeout=0.5)
        assert hung_up.wait(5), "the connection was kept for as long as something came"


def _drip(server: socket.socket, hung_up: threading.Event) -> None:
    """Send a byte of a long TLS record every now and then."""
    connection, _ = server.accept()
    with connection:
        try:
            connection.sendall(b"\x16\x03\x03\x3f\xff")
            for _ in range(50):
                connection.sendall(b"\0")
                if hung_up.wait(0.1):
                    return
        except OSError:
            hung_up.set()


def assert_nothing_secret_is_told(delivery: Delivery, log_lines: list[str]) -> None:
    events = json.dumps(list(delivery.job.events.values_list("details", flat=True)))
    assert log_lines and SECRET not in "".join(log_lines) + events + delivery.error
    assert HOST not in events + delivery.error
