"""Whether a delivery of a schedule may be sent now: rights and domains may have changed since it was saved."""

from __future__ import annotations

from accounts.models import Tenant, User
from jobs.connections.models import Connection
from jobs.delivery.models import Delivery
from jobs.delivery.unsubscribing import is_unsubscribed
from reports.permissions import Right, rights_on

_NOT_ACTIVE = "The schedule owner's account was deactivated or deleted."
#: The name of deliveries to people who subscribed to a schedule. No delivery of a definition can have it.
SUBSCRIBERS = "(subscribers)"
_NO_SUBSCRIBER = "The subscriber's account, address or right to view the report has changed."
_NO_CONNECTION = "The connection was deleted, or the schedule's owner may no longer use it."
UNSUBSCRIBED = "The recipient has unsubscribed from this schedule."
NOT_ALLOWED = "The organization no longer allows schedules to send to this address."


def may_mail(owner: User, tenant: Tenant, address: str) -> bool:
    """Whether a schedule of this user may send to the address without an Administrator's consent."""
    is_own = bool(owner.email) and owner.email.lower() == address.lower()
    return is_own or tenant.is_recipient_domain(address)


def is_unwanted(delivery: Delivery) -> str | None:
    """Return why the recipient doesn't want the delivery, or as a subscriber can't have it any more; else None."""
    if is_unsubscribed(delivery):
        return UNSUBSCRIBED
    if delivery.name != SUBSCRIBERS:
        return None
    user = User.objects.filter(pk=(delivery.options or {}).get("subscriber", 0), is_active=True).first()
    job = delivery.job
    is_own = user is not None and user.email.lower() == delivery.target.lower()
    may_view = user is not None and Right.VIEW in rights_on(user, job.report_id) and job.caller_values is None
    return None if is_own and may_view else _NO_SUBSCRIBER


def refusal(delivery: Delivery) -> str | None:
    """Return why a delivery must not be sent, as a sentence; None if it may be."""
    if delivery.schedule is None:
        return None
    job, plan = delivery.job, getattr(delivery.job, "delivery_plan", None)
    owner = plan.owner if plan else None
    if owner is None or not owner.is_active:
        return _NOT_ACTIVE
    if delivery.kind in Connection.Kind.values:
        return None if _may_use_connection(delivery, owner) else _NO_CONNECTION
    if (delivery.options or {}).get("approved") or delivery.name == SUBSCRIBERS:
        return None
    if delivery.kind != "email" or not may_mail(owner, job.tenant, delivery.target):
        return NOT_ALLOWED
    return None


def _may_use_connection(delivery: Delivery, owner: User) -> bool:
    usable = Connection.objects.usable_by(owner).filter(tenant=delivery.job.tenant_id)
    return usable.filter(pk=(delivery.options or {})["connection_id"], kind=delivery.kind).exists()
