"""Where results go outside of the house. A kind of target is one small class here and one line in SENDERS."""

from __future__ import annotations

from jobs.delivery.base import OutgoingResult, Sender, Undeliverable
from jobs.delivery.email import Email
from jobs.delivery.file_share import FileShare
from jobs.delivery.webhook import Webhook

__all__ = ["SENDERS", "OutgoingResult", "Sender", "Undeliverable"]

SENDERS: dict[str, Sender] = {"email": Email(), "webhook": Webhook(), "file_share": FileShare()}
