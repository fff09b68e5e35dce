"""Django's admin, also open to Administrators. Every change in it leaves an entry in the audit log."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from django.contrib.admin import AdminSite, ModelAdmin
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.models import Tenant, User
from audit import actions as audit
from audit.models import Action
from reportserver.auth.credentials import check_credentials


class AuditedAdmin(ModelAdmin):  # type: ignore[type-arg]
    """Records audit entries where Django records the admin's own history, in the transaction of the change."""

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        _record(Action.ADMIN_CREATE, request, obj)
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        if fields := _changed_fields(message):
            _record(Action.ADMIN_UPDATE, request, obj, fields=fields)
        return super().log_change(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: QuerySet[Any]) -> Any:
        for obj in queryset:
            _record(Action.ADMIN_DELETE, request, obj)
        return super().log_deletions(request, queryset)

    # Unlike its other views, Django doesn't run these two in a transaction.

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        with _transaction_if_post(request):
            return super().changelist_view(request, extra_context)

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> Any:
        with _transaction_if_post(request):
            return super().user_change_password(request, id, form_url)  # type: ignore[misc] # only on the users' pages


class Site(AdminSite):
    """Permissions on the models decide what a user can view and change."""

    site_header = site_title = _("Report server")
    # The first page lists the same links, and wide tables leave no room for it.
    enable_nav_sidebar = False

    def has_permission(self, request: HttpRequest) -> bool:
        user = request.user
        return super().has_permission(request) or (isinstance(user, User) and user.is_administrator)

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        """Make every page of the admin an audited one, including those that a library registers."""
        base = admin_class or ModelAdmin
        super().register(model_or_iterable, type(base.__name__, (AuditedAdmin, base), {}), **options)

    def password_change(self, request: HttpRequest, extra_context: Any = None) -> Any:
        if old_password := request.POST.get("old_password"):
            # Django doesn't limit guesses of it by somebody who found an open session. Before the transaction, so that
            # a failure is counted whatever becomes of the change.
            check_credentials(request, request.user.get_username(), old_password, channel="admin")
        with _transaction_if_post(request):
            response = super().password_change(request, extra_context)
            if request.method == "POST" and response.status_code == 302:
                _record(Action.ADMIN_UPDATE, request, request.user, fields=["Password"])
        return response


def _transaction_if_post(request: HttpRequest) -> AbstractContextManager[Any]:
    return transaction.atomic() if request.method == "POST" else nullcontext()


def _changed_fields(message: Any) -> list[str]:
    """The names of the changed fields, never their values: passwords and connection URLs are among them."""
    parts: Iterable[dict[str, Any]] = message if isinstance(message, list) else []
    return [str(name) for part in parts for name in part.get("changed", {}).get("fields", [])]


def _record(action: Action, request: HttpRequest, obj: Any, **details: object) -> None:
    user: Any = request.user
    with transaction.atomic():
        audit.record(
            action,
            actor=user,
            tenant_id=obj.pk if isinstance(obj, Tenant) else getattr(obj, "tenant_id", None),
            target=(str(obj._meta.verbose_name_raw), obj.pk),
            details={"name": str(obj), **details},
        )
