"""Reads whom a schedule runs for: its query runs in a limited child, and the values of each recipient are checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from jobs.delivery import recipients as allowed
from jobs.delivery import texts
from reports.choices.checked import check_all, checked_labels, looked_up
from reports.dry_run.query_rows import read_rows
from reports.exceptions import InvalidParameters
from reports.models import DataSource, ReportConfiguration
from reports.parameters.date_math import Moment
from reports.parameters.scalars import InvalidValue
from reports.parameters.values import TypedValue, to_json, typed_value, typed_values
from reports.sources.base import SourceSpec
from schedules.bursting.definitions import Recipients
from schedules.bursting.rows import Recipient, recipients_in
from schedules.exceptions import RecipientsUnusable
from schedules.models import Schedule

_SOURCE_DELETED = "The data source of the recipients' query was deleted."
_TEXTS = ("subject", "body", "file_name", "path")


def read_recipients(schedule: Schedule, recipients: Recipients) -> list[Recipient]:
    """Return the recipients of a schedule whose report and owner exist, within a function that `looks_up_choices`.

    Raises RecipientsUnusable, or DryRunBusy if no child is free.
    """
    if schedule.report is None or schedule.owner is None:
        raise RecipientsUnusable
    source, key = _source(schedule.report, recipients), f"recipients of version {schedule.version.pk}"
    read = partial(read_rows, source, recipients.query, recipients.at_most, actor=schedule.owner)
    found = recipients_in(looked_up(key, read), recipients, _used_columns(schedule))
    for recipient in found:
        _leave_out_addresses(schedule, recipient)
    return found


def check_values(schedule: Schedule, found: Sequence[Recipient], moment: Moment) -> None:
    """Refuse the recipients whose values the report can't have.

    Within a function that `looks_up_choices`. Raises ChoicesUnavailable, CallerAttributeMissing.
    """
    report, owner = schedule.report, schedule.owner
    if report is None or owner is None:
        return
    version, typed = report.version, dict[str, Mapping[str, TypedValue]]()
    for recipient in found:
        if not recipient.is_refused:
            try:
                recipient.values = _own_values(report, recipient, moment)
                given = {**schedule.version.definition["parameters"], **recipient.values}
                typed[recipient.key] = typed_values(version.declared_parameters(), given, moment, rules=version.rules)
            except InvalidParameters as error:
                recipient.refuse(sentences(error))
    check_all(version, list(typed.values()), actor=owner)
    for recipient in found:
        try:
            if recipient.key in typed:
                checked_labels(version, typed[recipient.key], actor=owner)
        except InvalidParameters as error:
            recipient.refuse(sentences(error))


def _own_values(report: ReportConfiguration, recipient: Recipient, moment: Moment) -> dict[str, object]:
    """Return the recipient's own values, as generate takes them. Raises InvalidParameters."""
    declared = {parameter.name: parameter for parameter in report.version.declared_parameters()}
    values, errors = dict[str, TypedValue](), dict[str, list[str]]()
    for name, text in recipient.parameters.items():
        try:
            if name not in declared:
                raise InvalidValue("This report has no such parameter.")
            values[name] = TypedValue(declared[name].type, typed_value(declared[name], text, moment, from_text=True))
        except InvalidValue as error:
            errors[name] = error.messages
    if errors:
        raise InvalidParameters(errors)
    return to_json(values)


def sentences(error: InvalidParameters) -> str:
    return " ".join(f"{name}: {' '.join(messages)}" for name, messages in error.fields.items())


def _source(report: ReportConfiguration, recipients: Recipients) -> SourceSpec:
    if recipients.data_source is None:
        source = report.version.data_source
    else:
        source = DataSource.objects.filter(pk=recipients.data_source, tenant=report.tenant_id).first()
    if source is None:
        raise RecipientsUnusable(_SOURCE_DELETED)
    return source.spec()


def _used_columns(schedule: Schedule) -> set[str]:
    entries = schedule.version.definition.get("deliveries", [])
    used = [entry[name] for entry in entries for name in _TEXTS if entry.get(name)]
    return {column for text in used for column in texts.recipient_columns(text)}


def _leave_out_addresses(schedule: Schedule, recipient: Recipient) -> None:
    """Leave out addresses that a mail may not go to, as far as an Administrator has not saved it."""
    approved, entries = schedule.version.approved or [], schedule.version.definition.get("deliveries", [])
    if schedule.owner is None or all(entry["kind"] != "email" or entry["name"] in approved for entry in entries):
        return
    for address in list(recipient.addresses):
        if not allowed.may_mail(schedule.owner, schedule.tenant, address):
            recipient.without_address(address, f"{address}: {allowed.NOT_ALLOWED}")
