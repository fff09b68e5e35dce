"""What uses a data source: reports, their choices queries and their schedules. A source in use can't be deleted."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from django.db.models import TextField
from django.db.models.functions import Cast

from reports.exceptions import SourceInUse
from reports.models import DataSource, ReportConfiguration

_MAX_NAMED = 5


class UsingSchedule(NamedTuple):
    """A schedule of a report, with the address of its page."""

    slug: str
    url: str


class ScheduleFinder(Protocol):
    """Finds schedules: the app of schedules registers it."""

    def of_reports(self, reports: Collection[UUID]) -> Mapping[UUID, list[UsingSchedule]]:
        """Return the schedules of these reports, by report."""
        ...

    def with_recipients_from(self, sources: Collection[UUID]) -> Mapping[UUID, list[UsingSchedule]]:
        """Return the schedules whose recipients' query names one of these data sources, by data source."""
        ...


@dataclass
class Uses:
    """What uses one data source. `choices` are reports with the parameters whose choices come from it."""

    reports: list[ReportConfiguration] = field(default_factory=list)
    choices: list[tuple[ReportConfiguration, list[str]]] = field(default_factory=list)
    schedules: list[UsingSchedule] = field(default_factory=list)
    #: Schedules whose recipients come from it, which `schedules` also has.
    recipients: list[UsingSchedule] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.reports or self.choices or self.recipients)

    @property
    def all_reports(self) -> set[ReportConfiguration]:
        """The reports that use it, directly or for choices."""
        return {*self.reports, *(report for report, _ in self.choices)}

    def as_json(self) -> dict[str, Any]:
        return {
            "reports": [report.slug for report in self.reports],
            "choices": [{"report": report.slug, "parameters": names} for report, names in self.choices],
            "schedules": [schedule.slug for schedule in self.schedules],
        }


_finders: list[ScheduleFinder] = []


def register_schedules(finder: ScheduleFinder) -> None:
    _finders[:] = [finder]


def uses_of(sources: Iterable[DataSource]) -> dict[UUID, Uses]:
    """Return the uses of each source by the current versions of reports. The number of queries is constant."""
    uses = {source.pk: Uses() for source in sources}
    reports = ReportConfiguration.objects.select_related("current", "tenant").order_by("slug")
    for report in reports.filter(current__data_source__in=uses):
        uses[report.version.data_source_id].reports.append(report)  # type: ignore[index] # the filter's
    for report in _with_choices_queries(reports, {source.tenant_id for source in sources}):
        for source_id, names in _choices_sources(report).items():
            if source_id in uses:
                uses[source_id].choices.append((report, names))
    _add_schedules(uses)
    return uses


def refuse_if_used(instance: DataSource, **_: Any) -> None:
    """Raise SourceInUse. Connected to pre_delete, so that no way of deleting a source can forget it.

    Locks the source: reports that are saved at the same time lock it, too.
    """
    list(DataSource.objects.select_for_update().filter(pk=instance.pk).values_list("pk"))
    if uses := uses_of([instance])[instance.pk]:
        raise SourceInUse(_sentence(instance, uses), usedBy=uses.as_json())


def _sentence(source: DataSource, uses: Uses) -> str:
    slugs = [report.slug for report in uses.reports]
    slugs += [f"{report.slug} (choices of {', '.join(names)})" for report, names in uses.choices]
    slugs += [f"{schedule.slug} (recipients)" for schedule in uses.recipients]
    more = f" and {len(slugs) - _MAX_NAMED} more" if len(slugs) > _MAX_NAMED else ""
    return f"Data source {source.slug} is used by: {', '.join(slugs[:_MAX_NAMED])}{more}. Change these first."


def _with_choices_queries(reports: Any, tenant_ids: Collection[int]) -> Iterable[ReportConfiguration]:
    as_text = Cast("current__parameters", TextField())
    found: Iterable[ReportConfiguration] = (
        reports.filter(tenant__in=tenant_ids).alias(text=as_text).filter(text__contains='"choices_query"')
    )
    return found


def _choices_sources(report: ReportConfiguration) -> dict[UUID, list[str]]:
    """The data sources that choices queries of the report name, with their parameters."""
    found: dict[UUID, list[str]] = {}
    for parameter in report.version.declared_parameters():
        if parameter.choices_query and parameter.choices_query.data_source:
            found.setdefault(UUID(parameter.choices_query.data_source), []).append(parameter.name)
    return found


def _add_schedules(uses: Mapping[UUID, Uses]) -> None:
    by_source = {source_id: {report.pk for report in found.all_reports} for source_id, found in uses.items()}
    everything = set().union(*by_source.values())
    if not _finders:
        return
    schedules = _finders[0].of_reports(everything) if everything else {}
    bursting = _finders[0].with_recipients_from(list(uses))
    for source_id, report_ids in by_source.items():
        found = {schedule for report_id in report_ids for schedule in schedules.get(report_id, [])}
        uses[source_id].recipients = sorted(bursting.get(source_id, []))
        uses[source_id].schedules = sorted(found.union(uses[source_id].recipients))
