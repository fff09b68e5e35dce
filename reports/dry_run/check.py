"""Checks a report without running it: does its query prepare, which columns and how many rows does it return, and
which formats can hold them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from accounts.models import User
from common.children.messages import ChildLimits
from reports.choices import tasks as choices_tasks
from reports.documents.diagnostics import Diagnostic
from reports.dry_run import tasks
from reports.dry_run.design_errors import CHART_SECONDS
from reports.dry_run.document_preview import template_errors
from reports.dry_run.limited import run_in_child
from reports.dry_run.results import Description, Fits, RowPreview, SectionDescription
from reports.dry_run.target import DryRunTarget
from reports.exceptions import RunError
from reports.runner_port import RunHistory

#: The tasks stop by themselves; children that don't are killed a little later.
_SPARE_SECONDS = 2


class CheckedSection(NamedTuple):
    """What a check found out about a section. `preview`: None unless it was requested."""

    section: SectionDescription
    preview: RowPreview | None


@dataclass(frozen=True)
class CheckResult(Description):
    """The outcome of a check. Without errors, the data source accepts the query and the design fits it."""

    #: With their lines; `errors` has them as sentences, too.
    template_errors: list[Diagnostic] = field(default_factory=list)
    #: Of the report, or of each section; empty unless it was requested.
    previews: list[RowPreview] = field(default_factory=list)
    #: None for a report that isn't stored or has no successful run.
    run_history: RunHistory | None = None

    @property
    def first_preview(self) -> RowPreview | None:
        return self.previews[0] if self.previews else None

    @property
    def checked_sections(self) -> list[CheckedSection]:
        previews = {preview.section: preview for preview in self.previews}
        return [CheckedSection(section, previews.get(section.name)) for section in self.sections]

    @property
    def all_fit(self) -> bool:
        return all(format.fits is Fits.YES for format in self.formats)


def check(
    target: DryRunTarget, values: Mapping[str, object], *, actor: User | str, compile_template: bool = True
) -> CheckResult:
    """Check the target with these JSON values; a missing required value is NULL. Raises InvalidParameters, DryRunBusy.

    `compile_template`: also compile a template with the first rows, for which the query is run.
    """
    charts = sum(table.chart is not None for table in target.tables())
    seconds = tasks.describe_seconds(target) + CHART_SECONDS * charts + _SPARE_SECONDS
    typed_values, limits = target.typed_values(values), ChildLimits(seconds=seconds)
    is_complete = all(values.get(parameter.name) is not None for parameter in target.parameters if parameter.required)
    try:
        prepared = run_in_child(tasks.describe, target, typed_values, is_complete, actor=actor, limits=limits)
    except RunError as error:
        return CheckResult(errors=[error.message])
    if not prepared.columns:
        return CheckResult(errors=prepared.errors, driver_message=prepared.driver_message)
    in_template = template_errors(target, values, actor=actor) if compile_template else []
    errors = (
        prepared.errors + [f"Template: {error}" for error in in_template] + _choices_problems(target, values, actor)
    )
    return CheckResult(**{**vars(prepared), "errors": errors}, template_errors=in_template)


def _choices_problems(target: DryRunTarget, values: Mapping[str, object], actor: User | str) -> list[str]:
    if not target.choices:
        return []
    seconds, limits = float(choices_tasks.SECONDS), ChildLimits(seconds=choices_tasks.SECONDS + _SPARE_SECONDS)
    typed_values = target.typed_values(values)
    try:
        return run_in_child(choices_tasks.problems, target.choices, typed_values, seconds, actor=actor, limits=limits)
    except RunError as error:
        return [f"The choices can't be read. {error.message}"]
