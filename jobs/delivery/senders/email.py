"""Delivery by e-mail, through the server in REPORTSERVER_EMAIL_URL. Each address gets its own message."""

from __future__ import annotations

import re
import smtplib
from collections.abc import Iterator, Mapping
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage
from django.utils.translation import gettext, ngettext

from jobs.delivery import receipts, unsubscribing
from jobs.delivery.senders.base import OutgoingResult
from jobs.delivery.senders.mail_server import mail_errors
from jobs.delivery.unsubscribing import Subscription
from jobs.results import downloads

#: At the start of a reply (RFC 2034).
_ENHANCED_STATUS = re.compile(r"\s*(5\.\d{1,3}\.\d{1,3})\b")
_TOO_LARGE = ("5.2.3", "5.3.4")


class Email:
    """Attaches all files, or links to those that together take more than EMAIL_ATTACHMENT_BYTES of a message.

    The Message-ID is the delivery's id.
    """

    def targets(self, options: Mapping[str, Any]) -> Iterator[str]:
        yield from dict.fromkeys(options["to"])

    def send(self, result: OutgoingResult) -> None:
        with mail_errors():
            _send(result)


def _send(result: OutgoingResult) -> None:
    """Send the message; again with a link if it is too large for the mail server with its attachments."""
    is_attached = sum(encoded_size(file.size) for file in result.artifact.files) <= settings.EMAIL_ATTACHMENT_BYTES
    try:
        build_message(result, is_attached=is_attached).send()
    except smtplib.SMTPException as error:
        if not (is_attached and is_too_large(error)):
            raise
        build_message(result, is_attached=False).send()


def encoded_size(size: int) -> int:
    """The bytes that a file of this size takes in a message: lines of 76 characters, which hold 57 bytes (RFC 2045)."""
    return -(-size // 57) * 78


def is_too_large(error: smtplib.SMTPException) -> bool:
    """True if the mail server refused a message for its size: 552, unless its enhanced status says otherwise.

    RFC 3463: 5.2.3 and 5.3.4 are about the size of the message, 5.2.2 about a mailbox that is full.
    """
    replies: list[tuple[int, bytes | str]] = []
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        replies += error.recipients.values()
    if isinstance(error, smtplib.SMTPResponseException):
        replies = [(error.smtp_code, error.smtp_error)]
    for code, text in replies:
        words = text.decode(errors="replace") if isinstance(text, bytes) else text
        status = _ENHANCED_STATUS.match(words)
        if status[1] in _TOO_LARGE if status else code == 552:
            return True
    return False


def build_message(result: OutgoingResult, *, is_attached: bool) -> EmailMessage:
    artifact = result.artifact
    name = " ".join(result.job.report_name.split())  # Line breaks must not get into the subject.
    number = len(artifact.files)
    where = (
        ngettext("The file is attached.", "The files are attached.", number)
        if is_attached
        else ngettext(
            "The file is too large for a message. Download it from the job's page.",
            "The files are too large for a message. Download them from the job's page.",
            number,
        )
    )
    details = gettext("Details: %(link)s") % {"link": result.link}
    headers, footer = dict[str, str](), ""
    if result.schedule is not None:
        headers, footer = unsubscribing.headers_and_line(Subscription(result.schedule, result.target))
    message = EmailMessage(
        subject=result.options.get("subject") or name,
        body=f"{result.options.get('body') or result.summary}\n\n{where}\n{details}\n{footer}\n",
        from_email=settings.DEFAULT_FROM_EMAIL,
        to=[result.target],
        headers={
            "Message-ID": receipts.message_id(result.id),
            "Auto-Submitted": "auto-generated",
            **headers,
        },
    )
    for stored in artifact.files if is_attached else ():
        with result.open(stored) as file:
            media_type = downloads.media_type(stored.format).partition(";")[0]
            message.attach(result.filename(stored), file.read(), media_type)
    return message
