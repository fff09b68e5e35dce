"""Admin pages for data sources, reports and grants."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import Group
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext, gettext_lazy
from guardian.admin import AdminGroupObjectPermissionsForm, AdminUserObjectPermissionsForm, GuardedModelAdmin

from accounts.caller import caller
from accounts.models import User
from accounts.roles import role_name, roles_visible_to
from audit import actions as audit
from audit.models import Action
from common.admin import TenantScopedAdmin, limit_to_tenant
from reports.data_sources.place import set_place
from reports.data_sources.usage import uses_of
from reports.definitions import SERVERS
from reports.definitions.field_types import principal_of
from reports.dry_run.results import SourceCheck
from reports.dry_run.source_check import check_source
from reports.exceptions import DryRunBusy, WrongKey
from reports.models import DataSource, ReportConfiguration, ReportVersion
from reports.permissions import Right

#: The most connections that are tested at once: each may take seconds.
_MAX_TESTED = 5


class DataSourceForm(forms.ModelForm):  # type: ignore[type-arg]
    """A data source with a path or a URL. The stored URL is never sent to the browser."""

    url = forms.CharField(
        label=gettext_lazy("Connection URL (leave empty to keep)"),
        required=False,
        max_length=2000,
        widget=forms.PasswordInput(render_value=False, attrs={"autocomplete": "new-password", "class": "vTextField"}),
        help_text=gettext_lazy(
            "For servers, for example postgresql://user:password@host:5432/name. Stored encrypted, never shown."
        ),
    )

    class Meta:
        model = DataSource
        fields = ["tenant", "slug", "kind", "location"]

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or self.cleaned_data
        if kind := values.get("kind"):
            location, url = values.get("location") or "", values.get("url") or ""
            is_uploads = self.instance.is_uploads
            errors = set_place(self.instance, kind=kind, location=location, url=url, is_uploads=is_uploads)
            for name, sentences in errors.items():
                self.add_error(name, [gettext(sentence) for sentence in sentences])
        return values


@admin.register(DataSource)
class DataSourceAdmin(TenantScopedAdmin):
    form = DataSourceForm
    list_display = ["slug", "tenant", "kind", "location"]
    list_filter = ["tenant", "kind"]
    list_select_related = ["tenant"]
    search_fields = ["slug", "location"]
    actions = ["test_connection"]
    change_form_template = "admin/reports/datasource/change_form.html"

    @admin.action(description=gettext_lazy("Test the connection of the selected data sources"), permissions=["view"])
    def test_connection(self, request: HttpRequest, queryset: QuerySet[DataSource]) -> None:
        for source in queryset[:_MAX_TESTED]:
            self._test(request, source)

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> HttpResponse:
        """The page of a source, which says what its account may do beyond reading."""
        source = self.get_object(request, object_id)
        if request.method == "GET" and source and source.kind in SERVERS and self.has_view_permission(request, source):
            with suppress(DryRunBusy, WrongKey):
                self._warn(request, source, check_source(source.spec(), actor=caller(request)))
        return super().change_view(request, object_id, *args, **kwargs)

    def response_change(self, request: HttpRequest, obj: DataSource) -> HttpResponse:
        if "_test" not in request.POST:
            return super().response_change(request, obj)
        self._test(request, obj)
        return redirect(request.get_full_path())

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Name what is used among what can't be deleted."""
        deleted, counts, lacking, protected = super().get_deleted_objects(objs, request)
        sources = list(objs)
        uses = uses_of(sources)
        reports = {f"{source}: {report}" for source in sources for report in uses[source.pk].all_reports}
        return deleted, counts, lacking, [*protected, *sorted(reports)]

    def _test(self, request: HttpRequest, source: DataSource) -> None:
        check = check_source(source.spec(), actor=caller(request))
        if not check.error:
            text = gettext("Data source %(slug)s is working.") % {"slug": source.slug}
            self.message_user(request, text, messages.SUCCESS)
            self._warn(request, source, check)
            return
        text = gettext("Data source %(slug)s: %(error)s") % {"slug": source.slug, "error": gettext(check.error)}
        # The driver's message may name hosts and paths of the network, which other staff must not see.
        if check.driver_message and request.user.is_superuser:
            text += f" ({check.driver_message})"
        self.message_user(request, text, messages.ERROR)

    def _warn(self, request: HttpRequest, source: DataSource, check: SourceCheck) -> None:
        for sentence in check.warnings:
            text = gettext("Data source %(slug)s: %(warning)s Use an account that may only read.")
            self.message_user(request, text % {"slug": source.slug, "warning": gettext(sentence)}, messages.WARNING)


class VersionInline(admin.StackedInline):  # type: ignore[type-arg]
    """A version, read-only: versions are created by the report pages, the API and `manage.py apply`."""

    model = ReportVersion
    extra = 0
    can_delete = False
    classes = ["collapse"]
    readonly_fields = fields = (
        "number", "created_at", "created_by", "name", "description", "data_source", "query", "parameters", "formats",
        "timeout_seconds", "max_rows", "max_running", "options", "max_attempts", "retention_days",
    )  # fmt: skip

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class RightsForm:
    """Offers the rights that reports have. guardian by itself also offers add, change and delete."""

    def get_obj_perms_field_choices(self) -> list[tuple[str, str]]:
        labels = {
            Right.VIEW: gettext("View: see everyone's jobs and results"),
            Right.GENERATE: gettext("Run: run it and see own results"),
        }
        return [(right.codename, labels[right]) for right in Right]


class UserRightsForm(RightsForm, AdminUserObjectPermissionsForm):
    """A user's rights on a report."""


class RoleRightsForm(RightsForm, AdminGroupObjectPermissionsForm):
    """A role's rights on a report."""


class UserSelectForm(forms.Form):
    """Finds a user by name. One of another tenant is not found, like one that doesn't exist."""

    viewer: User
    user = forms.CharField(label=gettext_lazy("User name"), max_length=150)

    def clean_user(self) -> User:
        users = User.objects.filter(username=self.cleaned_data["user"])
        if not self.viewer.is_superuser:
            users = users.filter(tenant=self.viewer.tenant_id)
        user = users.first()
        if user is None:
            raise forms.ValidationError(gettext("There is no such user."))
        return user


class RoleSelectForm(forms.Form):
    """Finds a role of the viewer's tenant by name; for superusers, any group by its own name."""

    viewer: User
    group = forms.CharField(label=gettext_lazy("Role"), max_length=150)

    def clean_group(self) -> Group:
        name = self.cleaned_data["group"]
        for group in roles_visible_to(self.viewer):
            if name == (group.name if self.viewer.is_superuser else role_name(group)):
                return group
        raise forms.ValidationError(gettext("There is no such role."))


def bound_to(viewer: User, form: type[forms.Form]) -> type[forms.Form]:
    """The form for one viewer. guardian creates forms without saying for whom."""
    return type(form.__name__, (form,), {"viewer": viewer})


@admin.register(ReportConfiguration)
class ReportAdmin(TenantScopedAdmin, GuardedModelAdmin):  # type: ignore[misc]
    """Reports, read-only, and the rights on them. Only audited actions change definitions."""

    list_display = ["slug", "tenant", "current", "created_at"]
    list_filter = ["tenant"]
    list_select_related = ["tenant", "current"]
    search_fields = ["slug", "current__name"]
    readonly_fields = ["tenant", "slug", "folder", "current", "created_at"]
    inlines = [VersionInline]
    obj_perms_manage_template = "admin/reports/permissions.html"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_obj_perms_user_select_form(self, request: HttpRequest) -> type[forms.Form]:
        return bound_to(caller(request), UserSelectForm)

    def get_obj_perms_group_select_form(self, request: HttpRequest) -> type[forms.Form]:
        return bound_to(caller(request), RoleSelectForm)

    def get_obj_perms_manage_user_form(self, request: HttpRequest) -> type[forms.Form]:
        return UserRightsForm

    def get_obj_perms_manage_group_form(self, request: HttpRequest) -> type[forms.Form]:
        return RoleRightsForm

    def obj_perms_manage_user_view(self, request: HttpRequest, object_pk: str, user_id: int) -> HttpResponse:
        user = get_object_or_404(limit_to_tenant(User.objects.all(), request), pk=user_id)
        with transaction.atomic():
            response = super().obj_perms_manage_user_view(request, object_pk, user_id)  # type: ignore[no-untyped-call]
            self._record(request, object_pk, principal_of(user.get_username()), response)
        return response  # type: ignore[no-any-return]

    def obj_perms_manage_group_view(self, request: HttpRequest, object_pk: str, group_id: int) -> HttpResponse:
        role = get_object_or_404(roles_visible_to(caller(request)), pk=group_id)
        with transaction.atomic():
            response = super().obj_perms_manage_group_view(request, object_pk, group_id)  # type: ignore[no-untyped-call]
            self._record(request, object_pk, role_name(role), response)
        return response  # type: ignore[no-any-return]

    def _record(self, request: HttpRequest, report_id: str, principal: str, response: HttpResponse) -> None:
        """Audit the rights that were saved, under the names that the definitions file uses."""
        # A form with errors is shown again, with status 200.
        if request.method != "POST" or response.status_code != 302 or not self.has_change_permission(request):
            return
        report = get_object_or_404(self.get_queryset(request), pk=report_id)
        codenames = request.POST.getlist("permissions")
        audit.record(
            Action.REPORT_UPDATE,
            actor=caller(request),
            tenant_id=report.tenant_id,
            target=("report", report.pk),
            details={
                "report": report.slug,
                "rightsOf": principal,
                "rights": [right for right in Right if right.codename in codenames],
            },
        )
