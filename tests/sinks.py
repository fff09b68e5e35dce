"""A mail server and a webhook receiver that keep what they receive."""

from __future__ import annotations

import email
import email.policy
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller

from tests.ports import free_port


@dataclass
class Mails:
    """The messages that a mail server received, with their recipients, even if it didn't reply.

    `reply` is its reply to each message; `before_reply` is called first.
    """

    port: int
    received: list[tuple[str, EmailMessage]] = field(default_factory=list)
    reply: str = "250 OK"
    before_reply: Callable[[], object] = lambda: None

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        self.received += [(address, message) for address in envelope.rcpt_tos]
        self.before_reply()
        return self.reply


@dataclass
class Calls:
    """The requests that a webhook receiver got, even if it didn't reply: headers in lower case, and the body.

    `names` are the host names that clients sent in TLS before they saw a certificate (SNI).
    """

    port: int = 0
    names: list[str | None] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    received: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    status: int = 200
    before_reply: Callable[[], object] = lambda: None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"


@contextmanager
def mail_sink() -> Iterator[Mails]:
    mails = Mails(free_port())
    controller = Controller(mails, hostname="127.0.0.1", port=mails.port)
    controller.start()
    try:
        yield mails
    finally:
        controller.stop()


@contextmanager
def call_sink(tls: ssl.SSLContext | None = None) -> Iterator[Calls]:
    calls = Calls()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            calls.received.append(({name.lower(): value for name, value in self.headers.items()}, body))
            calls.paths.append(self.path)
            calls.before_reply()
            self.send_response(calls.status)
            self.send_header("Location", calls.url)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    calls.port = server.server_port
    if tls:
        tls.sni_callback = lambda socket, name, context: calls.names.append(name)
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield calls
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
