"""What it means that the mail server in REPORTSERVER_EMAIL_URL doesn't take a message."""

from __future__ import annotations

import smtplib
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings

from jobs.delivery.senders.base import Undeliverable


@contextmanager
def mail_errors() -> Iterator[None]:
    """Raise Undeliverable for what goes wrong in the block, and if there is no mail server."""
    if not settings.EMAIL_CONFIGURED:
        raise Undeliverable("No mail server is configured.")
    try:
        yield
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
