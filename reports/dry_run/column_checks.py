"""Checks a report's columns against its query before a definition is stored, if the data source answers.

Never within a transaction: the data source may take seconds, in which nobody else could write.
"""

from __future__ import annotations

from django.utils import timezone

from accounts.models import Tenant, User
from common.children.messages import ChildLimits
from reports.definitions import ReportDefinition
from reports.definitions.errors import invalid_definition
from reports.dry_run import tasks
from reports.dry_run.limited import run_in_child
from reports.dry_run.target import DryRunTarget
from reports.exceptions import CallerAttributeMissing, DryRunBusy, InvalidParameters, RunError, WrongKey
from reports.models import DataSource
from reports.parameters.date_math import Moment

#: The task stops by itself; a child that doesn't is killed a little later.
_SPARE_SECONDS = 2
#: A change of any other field doesn't matter to the columns.
_FIELDS = ("columns", "compare_by", "query", "sections", "parameters", "data_source")


def check_columns(
    before: ReportDefinition | None, after: ReportDefinition, tenant: Tenant, *, actor: User | str
) -> None:
    """Raise InvalidDefinition if the query doesn't return the columns, or a format doesn't fit one.

    `before` is the stored definition. Without an answer from the data source, a run of the report will tell.
    """
    has_columns = bool(after.columns or after.compare_by)
    has_columns = has_columns or any(section.columns or section.compare_by for section in after.sections)
    if not has_columns or (before and all(before.entry()[name] == after.entry()[name] for name in _FIELDS)):
        return
    source = DataSource.objects.filter(tenant=tenant, slug=after.data_source).first()
    if source is None:
        return
    try:
        moment = Moment.of(timezone.now(), after.time_zone, tenant.time_zone)
        target = DryRunTarget.of_definition(after, source.spec(), moment, actor)
        limits = ChildLimits(seconds=tasks.describe_seconds(target) + _SPARE_SECONDS)
        errors = run_in_child(tasks.column_errors, target, target.typed_values({}), actor=actor, limits=limits)
    except (RunError, DryRunBusy, WrongKey, CallerAttributeMissing, InvalidParameters):
        # Nothing can be asked, or nobody answers.
        return
    if errors:
        raise invalid_definition(errors)
