"""Unsubscribing from the mails of a schedule: per address, with a link that needs no account (RFC 8058)."""

from __future__ import annotations

import hashlib
from typing import NamedTuple
from uuid import UUID

from django.conf import settings
from django.core import signing
from django.db import transaction
from django.utils.translation import gettext

from accounts.names import UNKNOWN
from audit import actions as audit
from audit.models import Action
from jobs.delivery.models import Delivery, DeliveryPlan, Unsubscription

_SALT = "jobs.delivery.unsubscribing"


class Subscription(NamedTuple):
    """An address that gets the mails of a schedule."""

    schedule: UUID
    address: str

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.address.lower().encode()).hexdigest()


def url(subscription: Subscription) -> str:
    """Return the address of the page that unsubscribes. Only this server can make it."""
    token = signing.dumps([str(subscription.schedule), subscription.address], salt=_SALT)
    return f"{settings.PUBLIC_URL}/unsubscribe/{token}"


def headers_and_url(subscription: Subscription) -> tuple[dict[str, str], str]:
    """Return the headers of a mail and the address in it by which its recipient unsubscribes."""
    link = url(subscription)
    return {"List-Unsubscribe": f"<{link}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}, link


def headers_and_line(subscription: Subscription) -> tuple[dict[str, str], str]:
    """Return the headers and the last line of a mail by which its recipient unsubscribes."""
    headers, link = headers_and_url(subscription)
    return headers, gettext("Unsubscribe: %(url)s") % {"url": link}


def subscription_of(token: str) -> Subscription | None:
    """Return what a token is for; None if this server didn't make it."""
    try:
        schedule, address = signing.loads(token, salt=_SALT)
    except signing.BadSignature:
        return None
    return Subscription(UUID(schedule), address)


def unsubscribe(subscription: Subscription) -> None:
    """Send no mail of the schedule to the address any more. Doing it twice changes nothing."""
    schedule, digest = subscription.schedule, subscription.digest
    with transaction.atomic():
        if Unsubscription.objects.get_or_create(schedule=schedule, address_digest=digest)[1]:
            _record(Action.UNSUBSCRIBE, subscription)


def subscribe_again(subscription: Subscription) -> None:
    """Undo `unsubscribe`. Without one, nothing changes."""
    with transaction.atomic():
        if take_back(subscription):
            _record(Action.SUBSCRIBE, subscription)


def take_back(subscription: Subscription) -> bool:
    """Let mails of the schedule reach the address again. False if they did already."""
    found = Unsubscription.objects.filter(schedule=subscription.schedule, address_digest=subscription.digest)
    return bool(found.delete()[0])


def _record(action: Action, subscription: Subscription) -> None:
    """Write what somebody did who has the link, and perhaps no account."""
    jobs = DeliveryPlan.objects.filter(schedule=subscription.schedule)
    tenant_id = jobs.values_list("job__tenant_id", flat=True).first()
    target, details = ("schedule", subscription.schedule), {"address": subscription.address}
    audit.record(action, actor=UNKNOWN, tenant_id=tenant_id, target=target, details=details)


def has_unsubscribed(subscription: Subscription) -> bool:
    found = Unsubscription.objects.filter(schedule=subscription.schedule, address_digest=subscription.digest)
    return found.exists()


def is_unsubscribed(delivery: Delivery) -> bool:
    """Whether the delivery's recipient has unsubscribed from its schedule."""
    if delivery.schedule is None or delivery.kind != "email":
        return False
    return has_unsubscribed(Subscription(delivery.schedule, delivery.target))
