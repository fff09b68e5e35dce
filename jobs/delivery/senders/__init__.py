"""Ways to send a result: by e-mail, to webhooks and file shares, and through connections. See docs/delivery.md.

To add a kind of target, write a Sender and add it to SENDERS.
"""

from __future__ import annotations

from jobs.delivery.senders.base import OutgoingResult, Sender, Undeliverable
from jobs.delivery.senders.connection import Message, Upload
from jobs.delivery.senders.email import Email
from jobs.delivery.senders.file_share import FileShare
from jobs.delivery.senders.webhook import Webhook

__all__ = ["SENDERS", "OutgoingResult", "Sender", "Undeliverable"]

SENDERS: dict[str, Sender] = {
    "email": Email(),
    "webhook": Webhook(),
    "file_share": FileShare(),
    "s3": Upload(),
    "sftp": Upload(),
    "slack": Message(),
    "teams": Message(),
}
