"""The admin's pages for data sources, reports and grants on reports."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from guardian.admin import GuardedModelAdmin

from accounts.admin import TenantScoped
from reports.models import DataSource, ReportConfiguration, ReportVersion


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
        if values.get("kind") == DataSource.Kind.POSTGRESQL:
            self._clean_server(values)
        elif values.get("kind"):
            self._clean_path(values)
        return values

    def _clean_server(self, values: dict[str, Any]) -> None:
        if values.get("location"):
            self.add_error("location", "A server has a connection URL, no path.")
        if not values.get("url") and not self.instance.encrypted_url:
            self.add_error("url", "Enter the connection URL.")
        elif values.get("url"):
            self.instance.url = values["url"]

    def _clean_path(self, values: dict[str, Any]) -> None:
        if values.get("url"):
            self.add_error("url", "A file or folder has a path, no connection URL.")
        if not values.get("location"):
            self.add_error("location", "Enter the absolute path of the file or folder.")
        self.instance.url = ""


@admin.register(DataSource)
class DataSourceAdmin(TenantScoped):
    form = DataSourceForm
    list_display = ["slug", "tenant", "kind", "location"]
    list_filter = ["tenant", "kind"]
    list_select_related = ["tenant"]
    search_fields = ["slug"]


class VersionInline(admin.StackedInline):  # type: ignore[type-arg]
    """What the report does and did; a change is a new version, made through the API or `manage.py apply`."""

    model = ReportVersion
    extra = 0
    can_delete = False
    classes: ClassVar[list[str]] = ["collapse"]
    fields = readonly_fields = [
        "number", "created_at", "created_by", "name", "description", "data_source", "query", "parameters", "formats",
        "timeout_seconds", "max_rows", "max_attempts", "retention_days",
    ]  # fmt: skip

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(ReportConfiguration)
class ReportAdmin(TenantScoped, GuardedModelAdmin):  # type: ignore[misc]
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
