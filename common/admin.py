"""Base classes of every app's admin pages."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import ForeignKey, QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property

COUNT_LIMIT = 10_000


class BoundedPaginator(Paginator):  # type: ignore[type-arg]
    """A paginator that counts at most COUNT_LIMIT rows: counting millions takes seconds, and nobody pages that far."""

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        return int(rows.order_by()[:COUNT_LIMIT].count())


class TenantScopedAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Limits staff who aren't superusers to the rows of their own tenant, in lists and in choices."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return limit_to_tenant(super().get_queryset(request), request)

    def formfield_for_foreignkey(self, db_field: ForeignKey[Any, Any], request: HttpRequest, **kwargs: Any) -> Any:
        kwargs.setdefault("queryset", limit_to_tenant(db_field.related_model._default_manager.all(), request))
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def get_list_filter(self, request: HttpRequest) -> Any:
        filters = super().get_list_filter(request)
        return filters if request.user.is_superuser else [name for name in filters if name != "tenant"]


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Pages of rows that only the server itself writes."""

    show_full_result_count = False
    paginator = BoundedPaginator
    # Only the default order has an index; any other would sort millions of rows.
    sortable_by = ()

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class SuperuserManagedAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Pages of rows that all tenants share: other staff can view them at most."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_superuser)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_superuser)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_superuser)


def limit_to_tenant(rows: QuerySet[Any], request: HttpRequest) -> QuerySet[Any]:
    """The rows of the user's tenant, or all rows for a superuser. Models without a tenant aren't limited."""
    user: Any = request.user
    if user.is_superuser:
        return rows
    # This package can't import the model: it belongs to a higher layer.
    if rows.model is user._meta.get_field("tenant").related_model:
        return rows.filter(pk=user.tenant_id)
    return rows.filter(tenant=user.tenant_id) if hasattr(rows.model, "tenant") else rows
