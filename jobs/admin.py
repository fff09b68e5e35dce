"""The admin's pages for jobs and workers, to look at; and no pages of the queue."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from django.apps import apps
from django.contrib import admin
from django.http import HttpRequest

from common.admin import ReadOnlyAdmin, TenantScopedAdmin
from jobs.models import JobExecutionLog, WorkerHost
from jobs.monitoring.filters import JobFilter


@admin.register(JobExecutionLog)
class JobAdmin(ReadOnlyAdmin, TenantScopedAdmin):
    list_display = ["id", "report_name", "status", "requested_by_name", "queued_at", "ended_at", "error_code"]
    list_filter = ["status", "tenant"]
    #: There is a search because this is not empty; what it finds, get_search_results says.
    search_fields = ["id"]
    ordering = ["-queued_at", "-id"]

    def get_queryset(self, request: HttpRequest) -> Any:
        jobs: Any = super().get_queryset(request)
        return jobs.across_tenants() if request.user.is_superuser else jobs

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        """What the list of jobs finds: no index answers which field contains a text. Nothing for what can't be read."""
        asked = JobFilter({"q": search_term}, queryset=queryset)
        return (asked.qs if asked.is_valid() else queryset.none()), False

    def get_exclude(self, request: HttpRequest, obj: JobExecutionLog | None = None) -> Any:
        user: Any = request.user
        return [] if user.is_administrator else ["error_trace"]


@admin.register(WorkerHost)
class WorkerHostAdmin(ReadOnlyAdmin):
    list_display = ["host", "pid", "slots", "started_at", "seen_at", "restarts"]

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_superuser)


# The queue's own pages unpickle what is in its tables and can schedule any function of the server. They are loaded
# here first, so that they can't register themselves later.
import_module("django_q.admin")
for _model in apps.get_app_config("django_q").get_models():
    if admin.site.is_registered(_model):
        admin.site.unregister(_model)
