"""Django's SMTP backend, which doesn't send a message again that the mail server is about to accept, or has accepted.

smtplib has one timeout for all replies. But a server may examine a message for minutes before it accepts it. If we have
given up by then, we send it again. So the reply after the message has the time that RFC 5321, section 4.5.3.2.6,
demands, and a connection that breaks after that reply is no failure.
"""

from __future__ import annotations

import contextlib
import smtplib
from typing import TYPE_CHECKING, Any

from django.core.mail.backends import smtp

#: Seconds that a mail server may take to accept a message.
_ACCEPTANCE_SECONDS = 600


if TYPE_CHECKING:
    _Base = smtplib.SMTP
else:
    _Base = object


class _Patient(_Base):
    """Waits longer for the reply after the message than for the others."""

    def send(self, s: Any) -> None:
        super().send(s)
        # Commands are text. Only the message is bytes, and the dot that ends it is among them.
        if isinstance(s, bytes) and self.sock:
            self.sock.settimeout(_ACCEPTANCE_SECONDS)


class _PatientSmtp(_Patient, smtplib.SMTP):
    pass


class _PatientSmtpOverTls(_Patient, smtplib.SMTP_SSL):
    pass


class EmailBackend(smtp.EmailBackend):
    @property
    def connection_class(self) -> type[smtplib.SMTP]:
        return _PatientSmtpOverTls if self.use_ssl else _PatientSmtp

    def close(self) -> None:
        """Close the connection. By now the message was accepted, or an error says that it wasn't."""
        with contextlib.suppress(OSError, smtplib.SMTPException):
            if self.connection and self.connection.sock:
                self.connection.sock.settimeout(self.timeout)
            super().close()
