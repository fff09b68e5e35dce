"""Asks a report's data source for the column by which its result is to be split, before a schedule is stored.

Never within a transaction: the data source may take seconds, in which nobody else could write. Without an answer, the
run tells.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.utils import timezone

from accounts.models import Tenant, User
from common.children.messages import ChildLimits
from reports.definitions.errors import invalid_definition
from reports.definitions.field_types import user_of
from reports.dry_run import tasks
from reports.dry_run.limited import run_in_child
from reports.dry_run.results import Column
from reports.dry_run.target import DryRunTarget
from reports.exceptions import CallerAttributeMissing, DryRunBusy, InvalidParameters, RunError, WrongKey
from reports.kept_rows.pieces import column_error
from reports.models import ReportConfiguration
from reports.parameters.date_math import Moment
from schedules.definitions import ScheduleDefinition

#: The task stops by itself; a child that doesn't is killed a little later.
_SPARE_SECONDS = 2


def check_column(
    before: ScheduleDefinition | None, after: ScheduleDefinition, tenant: Tenant, *, actor: User | str
) -> None:
    """Raise InvalidDefinition if a query of the report doesn't return the column. `before` is what is stored."""
    column = _column(after)
    if column is None or (before is not None and (before.report, _column(before)) == (after.report, column)):
        return
    report = ReportConfiguration.objects.filter(tenant=tenant, slug=after.report, current__isnull=False).first()
    sentence = _error(report, column, after, actor) if report else ""
    if sentence:
        raise invalid_definition({"recipients.split_by": [sentence]})


def _column(definition: ScheduleDefinition) -> str | None:
    return definition.recipients.split_by if definition.recipients else None


def _error(report: ReportConfiguration, column: str, definition: ScheduleDefinition, actor: User | str) -> str:
    owner = User.objects.filter(username=user_of(definition.run_as or "")).first() or actor
    try:
        moment = Moment.of(timezone.now(), definition.time_zone or "", report.version.time_zone)
        target = DryRunTarget.of_version(report.version, moment, owner)
        limits = ChildLimits(seconds=tasks.describe_seconds(target) + _SPARE_SECONDS)
        values = target.typed_values(definition.parameters)
        found = run_in_child(tasks.describe, target, values, False, actor=actor, limits=limits)
    except (RunError, DryRunBusy, WrongKey, CallerAttributeMissing, InvalidParameters):
        return ""
    if not found.sections:
        return _column_error(found.columns, column)
    return next(
        (
            f"Section {section.name}: {sentence}"
            for section in found.sections
            if (sentence := _column_error(section.columns, column))
        ),
        "",
    )


def _column_error(columns: Sequence[Column], name: str) -> str:
    # Without columns, the data source gave no answer.
    return column_error([each.name for each in columns], name) if columns else ""
