"""The page that edits a report: checks and saves the definition in its form, and shows the result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext

from accounts.models import User
from accounts.querysets import ADMINISTRATOR
from accounts.roles import role_name, roles_of
from reports import actions
from reports.definitions import ReportDefinition
from reports.definitions.from_database import definition_of, fingerprint
from reports.definitions.to_database import Sources
from reports.dry_run.check import CheckResult
from reports.dry_run.target import DryRunTarget
from reports.editing import live_preview
from reports.editing.differences import Difference, differences
from reports.editing.form import EditForm
from reports.editing.form_controls import FormControls
from reports.editing.live_preview import LivePreview
from reports.exceptions import (
    CallerAttributeMissing,
    DryRunBusy,
    InvalidDefinition,
    InvalidParameters,
    ReportChanged,
    RunError,
    WrongKey,
)
from reports.forms import Field, json_values, show_errors
from reports.models import DataSource, ReportConfiguration
from reports.parameters.date_math import Moment
from reports.querysets import report_key

#: User names that are offered for the access table.
_MAX_SUGGESTED_USERS = 500


@dataclass
class EditPage:
    """`report` isn't stored yet if it is new. `base` is the entry of the stored report; `fingerprint` is its
    fingerprint."""

    report: ReportConfiguration
    base: Mapping[str, Any]
    actor: User
    fingerprint: str = ""
    checked: CheckResult | None = None
    #: Set if somebody else has changed the report: the differences between theirs and the form.
    conflict: list[Difference] | None = None
    test_values: list[Field] = field(default_factory=list)
    #: The name of the user whose attributes the preview uses; empty for the actor's own.
    preview_as: str = ""
    preview_as_error: str = ""
    #: The name of the report that a new one starts as a copy of.
    copied_from: str = ""

    @property
    def depends_on_caller(self) -> bool:
        """Whether reports of the organization can depend on who runs them, so that a preview as others is offered."""
        return bool(self.report.tenant.attributes) or bool(self.preview_as)

    @property
    def is_new(self) -> bool:
        return self.report._state.adding

    @property
    def key(self) -> str:
        return report_key(self.actor, self.report.slug, self.report.pk)

    def save(self, form: EditForm, expected_fingerprint: str) -> str | None:
        """Save the form's definition. Returns a sentence about the result; None if nothing could be saved.

        `expected_fingerprint`: that of the definition with which the form was shown.
        """
        try:
            definition = form.definition()
            if self.is_new:
                tenant = self.report.tenant
                self.report = actions.create_report(definition=definition, tenant=tenant, actor=self.actor)
                return gettext("“%(name)s” was created.") % {"name": definition.name}
            number_before = self.report.version.number
            self.report = actions.update_report(
                report=self.report, definition=definition, actor=self.actor, expected_fingerprint=expected_fingerprint
            )
        except InvalidDefinition as error:
            form.add_errors(error, self.report.tenant)
            return None
        except ReportChanged:
            self.conflict = differences(self.base, form.definition().entry())
            return None
        if self.report.version.number != number_before:
            return gettext("Saved as version %(number)s.") % {"number": self.report.version.number}
        if fingerprint(definition_of(self.report)) != expected_fingerprint:
            # Slug and grants don't belong to a version.
            return gettext("Saved. The version number didn't change.")
        return gettext("No changes to save.")

    def check(self, form: EditForm) -> None:
        """Check the form's definition against the data source, with the test values, as the chosen user."""
        self.test_values = form.test_values()
        self.preview_as = form.submission.text("preview_as").strip()
        identity = self._identity()
        if identity is None:
            self.preview_as_error = gettext("There is no such user in this organization.")
            return
        checked = form.check(self.report.tenant)
        if checked is None:
            return
        try:
            target = self._target(*checked, identity)
            self.checked = actions.dry_run_report(
                report=self.report,
                target=target,
                parameters=json_values(self.test_values, target.moment),
                actor=self.actor,
                with_preview=True,
                identity=identity,
            )
        except InvalidParameters as error:
            show_errors(self.test_values, error)
        except (RunError, DryRunBusy, CallerAttributeMissing) as error:
            self.checked = CheckResult(errors=[error.message])

    def _identity(self) -> User | None:
        """Whose attributes the preview uses. None if the report's tenant has no such active user."""
        if not self.preview_as or self.preview_as == self.actor.username:
            return self.actor
        users = User.objects.filter(tenant=self.report.tenant, is_active=True).select_related("tenant")
        # PostgreSQL refuses a NUL character.
        return users.filter(username=self.preview_as.replace("\0", " ")).first()

    def preview(self, form: EditForm) -> LivePreview:
        """Make the document of the form's definition, with the test values."""
        checked = form.check(self.report.tenant)
        if checked is None:
            return LivePreview(fields=FormControls(form, list(self._sources)).error_links)
        try:
            target = self._target(*checked, self.actor)
        except (RunError, CallerAttributeMissing) as error:
            return LivePreview(error=gettext(error.message))
        return live_preview.preview(self.report, checked[0], target, form.test_values(), self.actor)

    def _target(self, definition: ReportDefinition, sources: Sources, identity: User) -> DryRunTarget:
        """Raises WrongKey and CallerAttributeMissing."""
        if self.is_new:
            # For the audit entry.
            self.report.slug = definition.slug
        moment = Moment.of(timezone.now(), definition.time_zone, self.report.tenant.time_zone)
        choices = sources.parameter_choices(definition)
        return DryRunTarget.of_definition(definition, sources.report.spec(), moment, identity, choices)

    def define_parameters(self, form: EditForm) -> None:
        """Add a parameter for each name that the queries use and nobody has defined."""
        form.define_parameters(form.undefined_names(self._dialect(form)))

    @cached_property
    def _sources(self) -> dict[str, DataSource]:
        """The data sources to choose from, by slug."""
        return {each.slug: each for each in DataSource.objects.filter(tenant=self.report.tenant).order_by("slug")}

    def _dialect(self, form: EditForm) -> str:
        source = self._sources.get(form.entry.get("data_source", ""))
        try:
            return source.dialect if source else "standard"
        except WrongKey:
            return "standard"

    def context(self, form: EditForm) -> dict[str, Any]:
        """Return the template's context."""
        tab = "query" if self.checked else form.submission.data.get("tab", "")
        controls = FormControls(form, list(self._sources), tab)
        submitted = form.submission.data.get("fingerprint", self.fingerprint)
        # Suggestions for the access table: the roles that users of the tenant have, and the users.
        users = User.objects.filter(tenant=self.report.tenant, is_active=True).order_by("username")
        names = users.values_list("username", flat=True)[:_MAX_SUGGESTED_USERS]
        roles = sorted(map(role_name, roles_of(self.report.tenant_id).filter(user__in=users).distinct()))
        return {
            "page": self,
            "report": self.report,
            "form": form,
            "controls": controls,
            "sections": controls.sections,
            "error_links": controls.error_links,
            "undefined": form.undefined_names(self._dialect(form)),
            "test_values": self.test_values or form.test_values(),
            # Saving again after a conflict was shown overwrites the other change.
            "fingerprint": submitted if self.conflict is None else self.fingerprint,
            "users": list(names),
            "holders": [role for role in roles if role != ADMINISTRATOR] + [f"user:{name}" for name in names],
        }
