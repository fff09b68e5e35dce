"""E-mail, by the server that REPORTSERVER_EMAIL_URL names. One message to each address."""

from __future__ import annotations

import smtplib
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMessage

from jobs.delivery.base import OutgoingResult, Undeliverable
from jobs.results import downloads

_BODY = """\
{name} is ready: {rows:,} rows, {size:,} bytes, {format}.

{file}
Details: {link}
"""


class Email:
    """The file is attached up to a size, above which there is the link only. Message-ID is the delivery's id."""

    def targets(self, options: Mapping[str, Any]) -> Iterator[str]:
        yield from dict.fromkeys(options["to"])

    def send(self, parcel: OutgoingResult) -> None:
        if not settings.EMAIL_CONFIGURED:
            raise Undeliverable("This server has no mail server to send by.")
        try:
            message(parcel).send()
        except smtplib.SMTPRecipientsRefused as refused:
            codes = [code for code, _ in refused.recipients.values()]
            raise Undeliverable("The mail server refused the address.", permanent=min(codes) >= 500) from refused
        except smtplib.SMTPResponseException as refused:
            permanent = refused.smtp_code >= 500 and not isinstance(refused, smtplib.SMTPAuthenticationError)
            sentence = f"The mail server refused the message ({refused.smtp_code})."
            raise Undeliverable(sentence, permanent=permanent) from refused
        except (OSError, smtplib.SMTPException) as error:
            raise Undeliverable("The mail server does not answer.") from error


def message(parcel: OutgoingResult) -> EmailMessage:
    """The message, with its file if that is small enough."""
    job, kept = parcel.job, parcel.artifact
    attached = kept.size <= settings.EMAIL_ATTACHMENT_BYTES
    name = " ".join(job.report_name.split())
    body = _BODY.format(
        name=name,
        rows=kept.rows,
        size=kept.size,
        format=job.format.upper(),
        file="The file is attached." if attached else "The file is too large for a message; download it by the link.",
        link=parcel.link,
    )
    # Not of the time of sending: the same message whenever it is sent, so that it can be told from another.
    identity = {
        "Message-ID": f"<{parcel.id}@{urlsplit(settings.PUBLIC_URL).hostname}>",
        "Auto-Submitted": "auto-generated",
    }
    made = EmailMessage(name, body, settings.DEFAULT_FROM_EMAIL, [parcel.target], headers=identity)
    if attached:
        with parcel.open() as file:
            made.attach(parcel.filename, file.read(), downloads.media_type(job).partition(";")[0])
    return made
