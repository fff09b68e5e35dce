"""What the page that edits a report does with its form: look at what it makes, save it, and show what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from accounts.models import User
from accounts.querysets import ADMINISTRATOR
from reports import actions
from reports.definitions.from_database import definition_of, fingerprint
from reports.dry_run.check import CheckResult
from reports.dry_run.target import DryRunTarget
from reports.editing.differences import Difference, differences
from reports.editing.form import EditForm
from reports.exceptions import InvalidDefinition, InvalidParameters, ReportChanged, RunError
from reports.forms import Field, json_values, show_errors
from reports.models import DataSource, ReportConfiguration
from reports.permissions import Right
from reports.querysets import report_key

_MOST_OFFERED = 500


@dataclass
class Editor:
    """`report` is not stored yet while it is new. `seen` tells the stored definition that the form began from."""

    report: ReportConfiguration
    base: Mapping[str, Any]
    actor: User
    seen: str = ""
    checked: CheckResult | None = None
    outdated: list[Difference] | None = None
    values: list[Field] = field(default_factory=list)

    @property
    def is_new(self) -> bool:
        return self.report._state.adding

    @property
    def key(self) -> str:
        return report_key(self.actor, self.report.slug, self.report.pk)

    def save(self, form: EditForm, seen: str) -> str:
        """Store what the form makes; what to say about it, or nothing when it was refused."""
        try:
            made = form.parsed()
            if self.is_new:
                self.report = actions.create_report(definition=made, tenant=self.report.tenant, actor=self.actor)
                return f"{made.name} was made."
            before = self.report.version.number
            self.report = actions.update_report(
                report=self.report, definition=made, actor=self.actor, expected_fingerprint=seen
            )
        except InvalidDefinition as refused:
            form.refuse(refused, self.report.tenant)
        except ReportChanged:
            self.outdated = differences(self.base, form.parsed().entry())
        else:
            return self._saved(before, seen)
        return ""

    def look(self, form: EditForm) -> None:
        """Ask the data source about what the form makes, with the values that stand beside it."""
        self.values = form.values()
        found = form.definition(self.report.tenant)
        if found is None:
            return
        made, source = found
        if self.is_new:
            self.report.slug = made.slug
        try:
            self.checked = actions.dry_run_report(
                report=self.report,
                target=DryRunTarget.of_definition(made, source.spec()),
                parameters=json_values(self.values),
                actor=self.actor,
                with_preview=True,
            )
        except InvalidParameters as refused:
            show_errors(self.values, refused)
        except RunError as error:
            self.checked = CheckResult(errors=[error.message])

    def context(self, form: EditForm) -> dict[str, Any]:
        """What the page shows."""
        tenant = self.report.tenant
        form.sources = list(DataSource.objects.filter(tenant=tenant).order_by("slug").values_list("slug", flat=True))
        return {
            "editor": self,
            # What the form began from, until somebody was told that the report is another one by now.
            "seen": self.seen if self.outdated is not None else form.sent.data.get("seen", self.seen),
            "report": self.report,
            "form": form,
            "sections": form.sections(),
            "told": form.told(),
            "values": self.values or form.values(),
            "holders": self._holders(),
            "rights": list(Right),
        }

    def _saved(self, before: int, seen: str) -> str:
        now = self.report.version.number
        if now != before:
            return f"Saved as version {now}."
        changed = fingerprint(definition_of(self.report)) != seen
        return "Saved. The version is still the same." if changed else "Nothing was changed."

    def _holders(self) -> list[str]:
        """Whom a right may be given to: roles that somebody of the tenant has, and its people."""
        people = User.objects.filter(tenant=self.report.tenant, is_active=True).order_by("username")
        names = people.values_list("username", flat=True)[:_MOST_OFFERED]
        roles = people.exclude(groups=None).values_list("groups__name", flat=True).order_by("groups__name").distinct()
        return [role for role in roles if role != ADMINISTRATOR] + [f"user:{name}" for name in names]
