"""Who may save which recipients, and what is wrong with them besides their form."""

from __future__ import annotations

from accounts.models import User
from reports.definitions.errors import FieldErrors
from reports.exceptions import QueryFailed
from reports.models import DataSource, ReportConfiguration
from reports.sources import placeholders
from schedules.bursting.definitions import Recipients
from schedules.definitions import ScheduleDefinition
from schedules.models import Schedule

_ADMINISTRATORS_ONLY = "Only an Administrator can save this."


def stored(schedule: Schedule, recipients: Recipients | None) -> dict[str, object] | None:
    """Return the recipients as a version keeps them: with the id of their data source."""
    if recipients is None:
        return None
    source = _source(schedule, recipients.data_source) if recipients.data_source else None
    return recipients.model_dump(mode="json") | {"data_source": str(source.pk) if source else None}


def errors(
    schedule: Schedule, definition: ScheduleDefinition, report: ReportConfiguration, actor: User | str
) -> FieldErrors:
    """Return what is wrong with the recipients of a schedule that isn't changed yet, by path."""
    recipients = definition.recipients
    if recipients is None:
        return {}
    found = {f"recipients.{name}": [_ADMINISTRATORS_ONLY] for name in _refused(schedule, definition, actor)}
    source = _source(schedule, recipients.data_source) if recipients.data_source else report.version.data_source
    if recipients.data_source and source is None:
        found["recipients.data_source"] = [f"Data source {recipients.data_source} does not exist in this tenant."]
    if source and (sentence := _query_error(recipients.query, source.dialect)):
        found["recipients.query"] = [sentence]
    declared = {parameter.name for parameter in report.version.declared_parameters()}
    for name in recipients.parameters:
        if name not in declared:
            found[f"recipients.parameters.{name}"] = ["This report has no such parameter."]
        elif name in definition.parameters:
            found[f"parameters.{name}"] = ["Leave it out: its value comes from the recipients' query."]
    return found


def _refused(schedule: Schedule, definition: ScheduleDefinition, actor: User | str) -> list[str]:
    """Return the fields that the actor may not save: what is sent to whom is decided by all of them."""
    if not isinstance(actor, User) or actor.administers(schedule.tenant_id) or definition.recipients is None:
        return []
    earlier = schedule.definition if schedule.current else None
    if earlier is None or earlier.recipients is None:
        return ["query"]
    before, after = earlier.recipients.model_dump(), definition.recipients.model_dump()
    changed = [name for name in after if after[name] != before.get(name)]
    # Without a data source of its own, the query would read another one.
    is_moved = definition.recipients.data_source is None and earlier.report != definition.report
    return changed or (["query"] if is_moved else [])


def _source(schedule: Schedule, slug: str) -> DataSource | None:
    return DataSource.objects.filter(tenant=schedule.tenant, slug=slug).first()


def _query_error(query: str, dialect: str) -> str | None:
    try:
        placeholders.single_statement(query, dialect)
    except QueryFailed as error:
        return error.message
    names = placeholders.names(query, dialect)
    return f"The recipients' query takes no values. Leave out :{names[0]}." if names else None
