"""The admin's pages for data sources, reports and grants on reports."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import Group
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from guardian.admin import AdminGroupObjectPermissionsForm, AdminUserObjectPermissionsForm, GuardedModelAdmin

from accounts.models import User
from audit import actions as audit
from audit.models import Action
from common.admin import TenantScopedAdmin, limit_to_tenant
from reports.definitions import SERVERS
from reports.definitions.sync import url_error
from reports.dry_run.source_check import source_error
from reports.models import DataSource, ReportConfiguration, ReportVersion
from reports.permissions import Right

#: Data sources whose connection is tested at one press: each may take seconds.
_MOST_TESTED = 5


class DataSourceForm(forms.ModelForm):  # type: ignore[type-arg]
    """A path or a URL, as the kind asks for. The stored URL is never sent to the browser."""

    url = forms.CharField(
        label="Connection URL (leave empty to keep)",
        required=False,
        max_length=2000,
        widget=forms.PasswordInput(render_value=False, attrs={"autocomplete": "new-password", "class": "vTextField"}),
        help_text="For servers, for example postgresql://user:password@host:5432/name. Kept encrypted, never shown.",
    )

    class Meta:
        model = DataSource
        fields = ["tenant", "slug", "kind", "location"]

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or self.cleaned_data
        if values.get("kind") in SERVERS:
            self._clean_server(values)
        elif values.get("kind"):
            self._clean_path(values)
        return values

    def _clean_server(self, values: dict[str, Any]) -> None:
        if values.get("location"):
            self.add_error("location", "A server has a connection URL, no path.")
        if not values.get("url") and not self.instance.encrypted_url:
            self.add_error("url", "Enter the connection URL.")
        elif values.get("url") and (sentence := url_error(values["kind"], values["url"])):
            self.add_error("url", f"This {sentence}")
        elif values.get("url"):
            self.instance.url = values["url"]

    def _clean_path(self, values: dict[str, Any]) -> None:
        if values.get("url"):
            self.add_error("url", "A file or folder has a path, no connection URL.")
        if not values.get("location"):
            self.add_error("location", "Enter the absolute path of the file or folder.")
        self.instance.url = ""


@admin.register(DataSource)
class DataSourceAdmin(TenantScopedAdmin):
    form = DataSourceForm
    list_display = ["slug", "tenant", "kind", "location"]
    list_filter = ["tenant", "kind"]
    list_select_related = ["tenant"]
    search_fields = ["slug", "location"]
    actions = ["test_connection"]
    change_form_template = "admin/reports/datasource/change_form.html"

    @admin.action(description="Test the connection of the selected data sources", permissions=["view"])
    def test_connection(self, request: HttpRequest, queryset: QuerySet[DataSource]) -> None:
        for source in queryset[:_MOST_TESTED]:
            self._tell(request, source)

    def response_change(self, request: HttpRequest, obj: DataSource) -> HttpResponse:
        if "_test" not in request.POST:
            return super().response_change(request, obj)
        self._tell(request, obj)
        return redirect(request.get_full_path())

    def _tell(self, request: HttpRequest, source: DataSource) -> None:
        if fault := source_error(source.spec()):
            # What the driver said may name hosts and paths of the network, which other staff have no business with.
            driver = f" ({fault[1]})" if fault[1] and request.user.is_superuser else ""
            self.message_user(request, f"Data source {source.slug}: {fault[0]}{driver}", messages.ERROR)
        else:
            self.message_user(request, f"Data source {source.slug} answers.", messages.SUCCESS)


class VersionInline(admin.StackedInline):  # type: ignore[type-arg]
    """What the report does and did; a change is a new version, made through the API or `manage.py apply`."""

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
    """Offers the rights that mean something on a report; guardian would offer add, change and delete too."""

    def get_obj_perms_field_choices(self) -> list[tuple[str, str]]:
        return [(right.codename, f"May {right} it") for right in Right]


class PersonRightsForm(RightsForm, AdminUserObjectPermissionsForm):
    """The rights of one person."""


class RoleRightsForm(RightsForm, AdminGroupObjectPermissionsForm):
    """The rights of a role."""


@admin.register(ReportConfiguration)
class ReportAdmin(TenantScopedAdmin, GuardedModelAdmin):  # type: ignore[misc]
    """Reports to look at, and the rights on them. Definitions change through calls that leave an audit entry."""

    list_display = ["slug", "tenant", "current", "created_at"]
    list_filter = ["tenant"]
    list_select_related = ["tenant", "current"]
    search_fields = ["slug", "current__name"]
    readonly_fields = ["tenant", "slug", "current", "created_at"]
    inlines = [VersionInline]
    obj_perms_manage_template = "admin/reports/permissions.html"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_obj_perms_manage_user_form(self, request: HttpRequest) -> type[forms.Form]:
        return PersonRightsForm

    def get_obj_perms_manage_group_form(self, request: HttpRequest) -> type[forms.Form]:
        return RoleRightsForm

    def obj_perms_manage_user_view(self, request: HttpRequest, object_pk: str, user_id: int) -> HttpResponse:
        person = get_object_or_404(limit_to_tenant(User.objects.all(), request), pk=user_id)
        with transaction.atomic():
            answer = super().obj_perms_manage_user_view(request, object_pk, user_id)  # type: ignore[no-untyped-call]
            self._record(request, object_pk, f"user:{person.get_username()}", answer)
        return answer  # type: ignore[no-any-return]

    def obj_perms_manage_group_view(self, request: HttpRequest, object_pk: str, group_id: int) -> HttpResponse:
        role = get_object_or_404(Group, pk=group_id)
        with transaction.atomic():
            answer = super().obj_perms_manage_group_view(request, object_pk, group_id)  # type: ignore[no-untyped-call]
            self._record(request, object_pk, role.name, answer)
        return answer  # type: ignore[no-any-return]

    def _record(self, request: HttpRequest, report_id: str, holder: str, answer: HttpResponse) -> None:
        """The saved rights, under the names of the definitions file. A form that was refused is answered with 200."""
        if request.method != "POST" or answer.status_code != 302 or not self.has_change_permission(request):
            return
        report = get_object_or_404(self.get_queryset(request), pk=report_id)
        codenames = request.POST.getlist("permissions")
        details = {"report": report.slug, "rightsOf": holder, "rights": [r for r in Right if r.codename in codenames]}
        actor: Any = request.user
        target = ("report", report.pk)
        audit.record(Action.REPORT_UPDATE, actor=actor, tenant_id=report.tenant_id, target=target, details=details)
