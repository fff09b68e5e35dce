"""The stock admin, open to Administrators too; what is changed in it leaves an entry in the audit log."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import nullcontext
from typing import Any

from django.contrib.admin import AdminSite, ModelAdmin
from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from accounts.models import Tenant, User
from audit import actions as audit
from audit.models import Action


class Audited(ModelAdmin):  # type: ignore[type-arg]
    """Entries are written where the admin's own history is, within the transaction of the change."""

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        _record(Action.ADMIN_CREATE, request, obj, {})
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        if fields := _changed(message):
            _record(Action.ADMIN_UPDATE, request, obj, {"fields": fields})
        return super().log_change(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: QuerySet[Any]) -> Any:
        for obj in queryset:
            _record(Action.ADMIN_DELETE, request, obj, {})
        return super().log_deletions(request, queryset)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """Deleting what was selected is no transaction in the stock admin."""
        with transaction.atomic() if request.method == "POST" else nullcontext():
            return super().changelist_view(request, extra_context)

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> Any:
        with transaction.atomic() if request.method == "POST" else nullcontext():
            return super().user_change_password(request, id, form_url)  # type: ignore[misc] # of the users' pages only


class Site(AdminSite):
    """What a person may see and change there follows from the permissions on each model."""

    site_header = site_title = "Report server"
    #: The first page lists the same; beside wide tables there is no room for it.
    enable_nav_sidebar = False

    def has_permission(self, request: HttpRequest) -> bool:
        user = request.user
        return super().has_permission(request) or (isinstance(user, User) and user.is_administrator)

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        """Every page of the admin, also one that a library registers, is an audited one."""
        pages = admin_class or ModelAdmin
        super().register(model_or_iterable, type(pages.__name__, (Audited, pages), {}), **options)

    def password_change(self, request: HttpRequest, extra_context: Any = None) -> Any:
        with transaction.atomic() if request.method == "POST" else nullcontext():
            answer = super().password_change(request, extra_context)
            if request.method == "POST" and answer.status_code == 302:
                _record(Action.ADMIN_UPDATE, request, request.user, {"fields": ["Password"]})
        return answer


def _changed(message: Any) -> list[str]:
    """The names of what was changed. Never the values: passwords and connection URLs are among them."""
    parts: Iterable[dict[str, Any]] = message if isinstance(message, list) else []
    return [str(name) for part in parts for name in part.get("changed", {}).get("fields", [])]


def _record(action: Action, request: HttpRequest, obj: Any, details: dict[str, Any]) -> None:
    user: Any = request.user
    with transaction.atomic():
        audit.record(
            action,
            actor=user,
            tenant_id=_tenant_of(obj),
            target=(str(obj._meta.verbose_name), obj.pk),
            details={"name": str(obj), **details},
        )


def _tenant_of(obj: Model) -> int | None:
    return obj.pk if isinstance(obj, Tenant) else getattr(obj, "tenant_id", None)
