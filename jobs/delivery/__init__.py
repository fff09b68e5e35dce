"""Deliveries: results sent to e-mail addresses, webhooks and file shares. See docs/delivery.md.

To add a kind of target, write a Sender and add it to SENDERS.
"""

from __future__ import annotations

from jobs.delivery.base import OutgoingResult, Sender, Undeliverable
from jobs.delivery.email import Email
from jobs.delivery.file_share import FileShare
from jobs.delivery.webhook import Webhook

__all__ = ["SENDERS", "OutgoingResult", "Sender", "Undeliverable"]

SENDERS: dict[str, Sender] = {"email": Email(), "webhook": Webhook(), "file_share": FileShare()}
