"""Subscribing to a schedule whose owner allows it: for people with the view right on its report."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import transaction

from accounts.models import User
from audit import actions as audit
from audit.models import Action
from jobs.delivery import unsubscribing
from jobs.delivery.recipients import SUBSCRIBERS
from jobs.delivery.unsubscribing import Subscription
from jobs.models import Unsubscription
from reports.permissions import Right, has_everywhere, has_grant, rights_on
from schedules import exceptions
from schedules.models import Schedule, Subscriber

#: What subscribers get like the recipients of the schedule's first mail.
_AS_FIRST_MAIL = ("subject", "body", "file_name", "when", "truncated", "held", "hold_if", "preview", "link")


@dataclass(frozen=True)
class Offer:
    """A schedule to which a user can subscribe, and whether the user has."""

    schedule: Schedule
    subscribed: bool


def offers(user: User, *, report: str = "") -> list[Offer]:
    """Return the schedules to which the user can subscribe, of the tenant or of one report of it, by slug."""
    schedules = Schedule.objects.complete().filter(tenant=user.tenant, current__definition__subscribable=True)
    schedules = schedules.filter(report__is_caller_bound=False)
    if not has_everywhere(user, Right.VIEW):
        schedules = schedules.filter(has_grant(user, Right.VIEW, "report"))
    if report:
        schedules = schedules.filter(report__slug=report)
    found = list(schedules)
    subscribed = set(Subscriber.objects.filter(user=user, schedule__in=found).values_list("schedule", flat=True))
    digests = {schedule.pk: Subscription(schedule.pk, user.email).digest for schedule in found}
    left = set(Unsubscription.objects.filter(schedule__in=digests).values_list("schedule", "address_digest"))
    return [
        Offer(schedule, schedule.pk in subscribed and (schedule.pk, digests[schedule.pk]) not in left)
        for schedule in found
    ]


def subscribe(*, schedule: Schedule, actor: User) -> None:
    """Send the schedule's results to the user's own address from the next job on. Twice is the same.

    Raises PermissionDenied without the view right on the report, and NotSubscribable.
    """
    _check_right(schedule, actor)
    if schedule.report is None or not schedule.version.definition.get("subscribable"):
        raise exceptions.NotSubscribable
    if schedule.report.is_caller_bound:
        raise exceptions.NotSubscribable("What this report shows depends on who runs it, so it can't be subscribed to.")
    if not actor.email:
        raise exceptions.NotSubscribable("Your account has no e-mail address.")
    with transaction.atomic():
        _, is_new = Subscriber.objects.get_or_create(schedule=schedule, user=actor)
        is_back = unsubscribing.take_back(Subscription(schedule.pk, actor.email))
        if is_new or is_back:
            _record(Action.SUBSCRIBE, schedule, actor)


def unsubscribe(*, schedule: Schedule, actor: User) -> None:
    """Send nothing more to a subscriber. Without a subscription, nothing changes."""
    with transaction.atomic():
        if Subscriber.objects.filter(schedule=schedule, user=actor).delete()[0]:
            _record(Action.UNSUBSCRIBE, schedule, actor)


def entries(schedule: Schedule, deliveries: Collection[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return what a job sends to the subscribers besides its deliveries: one entry for each, like the first mail.

    Whether each of them may have it is checked when it is sent.
    """
    if not schedule.version.definition.get("subscribable"):
        return []
    mails = [entry for entry in deliveries if entry["kind"] == "email"]
    like = mails[0] if mails else {"when": "always", "truncated": None, "held": False, "hold_if": None}
    fields = {name: like[name] for name in _AS_FIRST_MAIL if name in like}
    # Who gets the result anyway doesn't get it twice.
    taken = {address.lower() for entry in mails for address in entry["to"]}
    found = []
    for subscriber in schedule.subscribers.select_related("user").exclude(user__email=""):
        address = subscriber.user.email
        if address.lower() not in taken:
            taken.add(address.lower())
            own = {"name": SUBSCRIBERS, "kind": "email", "to": [address], "subscriber": subscriber.user_id}
            found.append(fields | own)
    return found


def _check_right(schedule: Schedule, user: User) -> None:
    # rights_on says nothing about tenants: `Schedule.objects.find` has looked in the user's own.
    if Right.VIEW not in rights_on(user, schedule.report_id):
        raise PermissionDenied("You don't have the view right on this schedule's report.")


def _record(action: Action, schedule: Schedule, actor: User) -> None:
    details = {"schedule": schedule.slug, "address": actor.email}
    audit.record(action, actor=actor, tenant_id=schedule.tenant_id, target=("schedule", schedule.pk), details=details)
