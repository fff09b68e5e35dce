"""What every app's admin pages have in common."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import ForeignKey, QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property

COUNT_LIMIT = 10_000


class BoundedPaginator(Paginator):  # type: ignore[type-arg]
    """Counts no further than anybody pages: a count over millions of rows takes seconds."""

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        return int(rows.order_by()[:COUNT_LIMIT].count())


class TenantScopedAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Staff who are no superusers see, and can point to, only what is their tenant's."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return limit_to_tenant(super().get_queryset(request), request)

    def formfield_for_foreignkey(self, db_field: ForeignKey[Any, Any], request: HttpRequest, **kwargs: Any) -> Any:
        kwargs.setdefault("queryset", limit_to_tenant(db_field.related_model._default_manager.all(), request))
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def get_list_filter(self, request: HttpRequest) -> Any:
        filters = super().get_list_filter(request)
        return filters if request.user.is_superuser else [name for name in filters if name != "tenant"]


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """To look at only: these rows are written by the server itself."""

    show_full_result_count = False
    paginator = BoundedPaginator
    #: Over millions of rows no other order than the usual one is quick.
    sortable_by = ()

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def limit_to_tenant(rows: QuerySet[Any], request: HttpRequest) -> QuerySet[Any]:
    """The rows that are of the tenant of the one who asks; all of them for a superuser."""
    user: Any = request.user
    if user.is_superuser:
        return rows
    if rows.model is type(user)._meta.get_field("tenant").related_model:
        return rows.filter(pk=user.tenant_id)
    return rows.filter(tenant=user.tenant_id) if hasattr(rows.model, "tenant") else rows


class SuperuserManagedAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """What all tenants share: other staff may look, if they have the right, and change nothing."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_superuser)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_superuser)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_superuser)
