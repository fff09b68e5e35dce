"""Delivery by e-mail, through the server in REPORTSERVER_EMAIL_URL. Each address gets its own message."""

from __future__ import annotations

import re
import smtplib
from collections.abc import Iterator, Mapping
from datetime import UTC
from typing import Any

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.utils.translation import gettext, ngettext

from jobs.delivery import links, receipts, unsubscribing
from jobs.delivery.senders.base import OutgoingResult, Undeliverable
from jobs.delivery.senders.mail_body import MailBody
from jobs.delivery.senders.mail_server import mail_errors
from jobs.delivery.unsubscribing import Subscription
from jobs.results import downloads
from jobs.results.kept_rows import preview_for_mail
from reports.definitions.field_types import duration
from reports.kept_rows.mail_preview import MailPreview

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
    size = sum(encoded_size(file.size) for file in result.artifact.files)
    is_attached = "link" not in result.options and size <= settings.EMAIL_ATTACHMENT_BYTES
    preview = preview_for_mail(result.job) if result.options.get("preview") else None
    try:
        build_message(result, is_attached=is_attached, preview=preview).send()
    except smtplib.SMTPException as error:
        if not (is_attached and is_too_large(error)):
            raise
        build_message(result, is_attached=False, preview=preview).send()


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


def build_message(
    result: OutgoingResult, *, is_attached: bool, preview: MailPreview | None = None
) -> EmailMultiAlternatives:
    headers = {"Message-ID": receipts.message_id(result.id), "Auto-Submitted": "auto-generated"}
    unsubscribe_url = ""
    if result.schedule is not None:
        more, unsubscribe_url = unsubscribing.headers_and_url(Subscription(result.schedule, result.target))
        headers |= more
    where = _where(result, is_attached=is_attached)
    body = MailBody(result.options.get("body") or result.summary, where, result.link, unsubscribe_url, preview)
    message = EmailMultiAlternatives(
        # Line breaks must not get into the subject.
        subject=result.options.get("subject") or " ".join(result.job.report_name.split()),
        body=body.as_text(),
        from_email=settings.DEFAULT_FROM_EMAIL,
        to=[result.target],
        headers=headers,
    )
    if result.schedule is not None:
        message.attach_alternative(body.as_html(), "text/html")
    for stored in result.artifact.files if is_attached else ():
        with result.open(stored) as file:
            media_type = downloads.media_type(stored.format).partition(";")[0]
            message.attach(result.filename(stored), file.read(), media_type)
    return message


def _where(result: OutgoingResult, *, is_attached: bool) -> str:
    """Return the sentence that says where the files are."""
    number = len(result.artifact.files)
    if lifetime := result.options.get("link"):
        if result.job.caller_values is not None and not result.options.get("approved"):
            sentence = "Only an Administrator can let a schedule send a link to a result that depends on who runs it."
            raise Undeliverable(sentence, permanent=True)
        url, link = links.make(result.id, duration(lifetime["expires"]))
        text = gettext("Download until %(time)s UTC: %(url)s")
        return text % {"time": f"{link.expires_at.astimezone(UTC):%Y-%m-%d %H:%M}", "url": url}
    if is_attached:
        return ngettext("The file is attached.", "The files are attached.", number)
    return ngettext(
        "The file is too large for an e-mail. Download it from the job's page.",
        "The files are too large for an e-mail. Download them from the job's page.",
        number,
    )
