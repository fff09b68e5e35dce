"""Sends notices as the deliverer does."""

from __future__ import annotations

from email.message import EmailMessage

from jobs.delivery.deliverer import send_notice
from jobs.models import Notice
from jobs.notices import outbox
from tests.sinks import Mails


def send_all(mails: Mails) -> list[tuple[str, EmailMessage]]:
    """Send every notice that is due. Return the mails that this has sent, with their recipients."""
    before = len(mails.received)
    while notice := outbox.claim():
        send_notice(notice)
    return mails.received[before:]


def states() -> list[tuple[str, str]]:
    """Return kind and state of all notices, the first one first."""
    return list(Notice.objects.values_list("kind", "state"))


def text(message: EmailMessage) -> str:
    body = message.get_body(("plain",))
    assert body
    return str(body.get_content())
