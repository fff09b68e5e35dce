"""Whether a delivery of a schedule may be sent now: rights and domains may have changed since it was saved."""

from __future__ import annotations

from accounts.models import Tenant, User
from jobs.delivery.models import Delivery

_NOT_ACTIVE = "The schedule owner's account was deactivated or deleted."
UNSUBSCRIBED = "The recipient has unsubscribed from this schedule."
NOT_ALLOWED = "The organization no longer allows schedules to send to this address."


def may_mail(owner: User, tenant: Tenant, address: str) -> bool:
    """Whether a schedule of this user may send to the address without an Administrator's consent."""
    is_own = bool(owner.email) and owner.email.lower() == address.lower()
    return is_own or tenant.is_recipient_domain(address)


def refusal(delivery: Delivery) -> str | None:
    """Return why a delivery must not be sent, as a sentence; None if it may be."""
    if delivery.schedule is None:
        return None
    job, plan = delivery.job, getattr(delivery.job, "delivery_plan", None)
    owner = plan.owner if plan else None
    if owner is None or not owner.is_active:
        return _NOT_ACTIVE
    if (delivery.options or {}).get("approved"):
        return None
    if delivery.kind != "email" or not may_mail(owner, job.tenant, delivery.target):
        return NOT_ALLOWED
    return None
