"""Who may save which deliveries of a schedule, and whether their texts can be filled in."""

from __future__ import annotations

from accounts.models import User
from jobs.delivery import recipients, texts
from reports.definitions.errors import FieldErrors
from reports.models import ReportConfiguration
from schedules.definitions import ScheduleDefinition
from schedules.models import Schedule, ScheduleVersion

_ADMINISTRATORS_ONLY = "Only an Administrator can save a delivery of this kind."
_NOT_ALLOWED = (
    "You can send to your own address and to those in the domains that your organization allows. "
    "Ask an Administrator to save this one."
)
_NO_LINK = "Only an Administrator can save a link for a report that depends on who runs it."
#: Texts with fields in braces.
_TEXTS = ("subject", "body", "file_name", "path")


def approved(schedule: Schedule, definition: ScheduleDefinition, actor: User | str) -> list[str]:
    """Return the names of the deliveries that an Administrator saves, or has saved and nobody has changed since.

    An approval covers a target and what is sent to it. It is lost when somebody who isn't an Administrator changes the
    report, its parameters, formats or section. An Administrator who changes something else approves nothing more.
    """
    if not isinstance(actor, User):
        return [delivery.name for delivery in definition.deliveries]
    earlier = schedule.definition if schedule.current else None
    before = {delivery.name: delivery for delivery in earlier.deliveries} if earlier else {}
    administers = actor.administers(schedule.tenant_id)
    kept: set[str] = set()
    if schedule.current and (administers or (earlier and _sends_the_same(earlier, definition))):
        kept = set(schedule.current.approved or [])
    return [
        delivery.name
        for delivery in definition.deliveries
        if (delivery.name in kept if delivery == before.get(delivery.name) else administers)
    ]


def notify_approved(schedule: Schedule, definition: ScheduleDefinition, actor: User | str) -> bool:
    """Whether an Administrator saves whom the schedule tells of trouble, or has saved it and nobody has changed it."""
    if not isinstance(actor, User):
        return True
    if schedule.current and definition.notify == schedule.definition.notify:
        return schedule.current.notify_approved
    return actor.administers(schedule.tenant_id)


def _sends_the_same(earlier: ScheduleDefinition, definition: ScheduleDefinition) -> bool:
    fields = ("report", "parameters", "formats", "section", "recipients")
    return all(getattr(earlier, field) == getattr(definition, field) for field in fields)


def errors(
    schedule: Schedule,
    definition: ScheduleDefinition,
    report: ReportConfiguration,
    version: ScheduleVersion,
    actor: User | str,
) -> FieldErrors:
    """Return what is wrong with the deliveries and notices of a schedule whose owner is set, by path."""
    may_save_any = not isinstance(actor, User) or actor.administers(schedule.tenant_id)
    found: FieldErrors = {}
    names = [parameter.name for parameter in report.version.declared_parameters()]
    bursts = definition.recipients is not None
    for at, delivery in enumerate(definition.deliveries):
        path = f"deliveries[{at}]"
        for field in _TEXTS:
            text = getattr(delivery, field, None)
            has_file_name = field in ("body", "path")
            if text and (sentence := texts.error(text, parameters=names, has_file_name=has_file_name, bursts=bursts)):
                found[f"{path}.{field}"] = [sentence]
        # Connections have a right of their own (schedules.deliveries.connections).
        is_refused = delivery.name not in (version.approved or []) and not may_save_any
        if is_refused and getattr(delivery, "link", None) and report.is_caller_bound:
            found[f"{path}.link"] = [_NO_LINK]
        if is_refused and not hasattr(delivery, "connection"):
            found |= _refused(path, schedule, delivery)
    if definition.notify and not version.notify_approved and not may_save_any:
        found |= _refused("notify", schedule, definition.notify)
    return found


def _refused(path: str, schedule: Schedule, delivery: object) -> FieldErrors:
    owner, addresses = schedule.owner, getattr(delivery, "to", None)
    if addresses is None or owner is None:
        return {f"{path}.kind": [_ADMINISTRATORS_ONLY]}
    return {
        f"{path}.to[{at}]": [_NOT_ALLOWED]
        for at, address in enumerate(addresses)
        if not recipients.may_mail(owner, schedule.tenant, address)
    }
