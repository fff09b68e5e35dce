"""Delivery by e-mail, through the server in REPORTSERVER_EMAIL_URL. Each address gets its own message."""

from __future__ import annotations

import smtplib
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMessage
from django.utils.translation import gettext, ngettext

from jobs.delivery.base import OutgoingResult, Undeliverable
from jobs.results import downloads


class Email:
    """Attaches the file; a file over EMAIL_ATTACHMENT_BYTES is only linked to. The Message-ID is the delivery's id."""

    def targets(self, options: Mapping[str, Any]) -> Iterator[str]:
        yield from dict.fromkeys(options["to"])

    def send(self, result: OutgoingResult) -> None:
        if not settings.EMAIL_CONFIGURED:
            raise Undeliverable("No mail server is configured.")
        try:
            build_message(result).send()
        except smtplib.SMTPRecipientsRefused as error:
            codes = [code for code, _ in error.recipients.values()]
            raise Undeliverable("The mail server refused the address.", permanent=min(codes) >= 500) from error
        except smtplib.SMTPResponseException as error:
            # A wrong password can be corrected, although its code says permanent.
            permanent = error.smtp_code >= 500 and not isinstance(error, smtplib.SMTPAuthenticationError)
            message = f"The mail server refused the message ({error.smtp_code})."
            raise Undeliverable(message, permanent=permanent) from error
        except (OSError, smtplib.SMTPException) as error:
            raise Undeliverable("The mail server is not responding.") from error


def build_message(result: OutgoingResult) -> EmailMessage:
    job, artifact = result.job, result.artifact
    is_attached = artifact.size <= settings.EMAIL_ATTACHMENT_BYTES
    name = " ".join(job.report_name.split())  # Line breaks must not get into the subject.
    summary = ngettext(
        "%(name)s is ready: %(rows)s row, %(size)s bytes, %(format)s.",
        "%(name)s is ready: %(rows)s rows, %(size)s bytes, %(format)s.",
        artifact.rows,
    ) % {
        "name": name,
        "rows": f"{artifact.rows:,}",
        "size": f"{artifact.size:,}",
        "format": job.format.upper(),
    }
    where = (
        gettext("The file is attached.")
        if is_attached
        else gettext("The file is too large for a message. Download it from the job's page.")
    )
    details = gettext("Details: %(link)s") % {"link": result.link}
    message = EmailMessage(
        subject=name,
        body=f"{summary}\n\n{where}\n{details}\n",
        from_email=settings.DEFAULT_FROM_EMAIL,
        to=[result.target],
        headers={
            # The same in each attempt, so that mail programs can recognize a duplicate.
            "Message-ID": f"<{result.id}@{urlsplit(settings.PUBLIC_URL).hostname}>",
            "Auto-Submitted": "auto-generated",
        },
    )
    if is_attached:
        with result.open() as file:
            message.attach(result.filename, file.read(), downloads.media_type(job).partition(";")[0])
    return message
