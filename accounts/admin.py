"""The admin's pages for people and organisations, and what every app's admin pages have in common."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group
from django.core.paginator import Paginator
from django.db.models import ForeignKey, QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property

from accounts.models import Tenant, User

MOST_COUNTED = 10_000


class BoundedPaginator(Paginator):  # type: ignore[type-arg]
    """Counts no further than anybody pages: a count over millions of rows takes seconds."""

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        return int(rows.order_by()[:MOST_COUNTED].count())


class TenantScoped(admin.ModelAdmin):  # type: ignore[type-arg]
    """Staff who are no superusers see, and can point to, only what is their tenant's."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return own(super().get_queryset(request), request)

    def formfield_for_foreignkey(self, db_field: ForeignKey[Any, Any], request: HttpRequest, **kwargs: Any) -> Any:
        kwargs.setdefault("queryset", own(db_field.related_model._default_manager.all(), request))
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def get_list_filter(self, request: HttpRequest) -> Any:
        filters = super().get_list_filter(request)
        return filters if request.user.is_superuser else [name for name in filters if name != "tenant"]


class ReadOnly(admin.ModelAdmin):  # type: ignore[type-arg]
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


def own(rows: QuerySet[Any], request: HttpRequest) -> QuerySet[Any]:
    """The rows that are of the tenant of the one who asks; all of them for a superuser."""
    user: Any = request.user
    if user.is_superuser:
        return rows
    if rows.model is Tenant:
        return rows.filter(pk=user.tenant_id)
    return rows.filter(tenant=user.tenant_id) if hasattr(rows.model, "tenant") else rows


class ForSuperusers(admin.ModelAdmin):  # type: ignore[type-arg]
    """What all tenants share: other staff may look, if they have the right, and change nothing."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_superuser)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_superuser)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_superuser)


@admin.register(Tenant)
class TenantAdmin(ForSuperusers, TenantScoped):
    list_display = ["name", "slug"]
    search_fields = ["name", "slug"]


@admin.register(User)
class TenantUserAdmin(TenantScoped, UserAdmin):  # type: ignore[type-arg]
    """Users with their tenant. Only a superuser makes superusers, and only a superuser may touch one."""

    list_display = ["username", "tenant", "email", "is_active", "is_staff", "last_login"]
    list_filter = ["tenant", "groups", "is_active", "is_staff"]
    list_select_related = ["tenant"]
    fieldsets = [
        (None, {"fields": ["username", "password"]}),
        ("Person", {"fields": ["first_name", "last_name", "email"]}),
        ("Organisation and roles", {"fields": ["tenant", "groups"]}),
        ("Access", {"fields": ["is_active", "is_staff", "is_superuser", "user_permissions"]}),
        ("Dates", {"fields": ["last_login", "date_joined"]}),
    ]
    add_fieldsets = [(None, {"fields": ["username", "tenant", "groups", "password1", "password2"]})]
    readonly_fields = ["last_login", "date_joined"]
    # The stock widget with two lists sets styles that the Content-Security-Policy refuses, and names what has no role.
    filter_horizontal = ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        users = super().get_queryset(request)
        return users if request.user.is_superuser else users.filter(is_superuser=False)

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        fixed = list(super().get_readonly_fields(request, obj))
        return fixed if request.user.is_superuser else [*fixed, "is_superuser", "user_permissions"]

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "groups":
            kwargs["widget"] = forms.CheckboxSelectMultiple
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_foreignkey(db_field, request, **kwargs)
        if db_field.name == "tenant" and not request.user.is_superuser:
            # Without it the form would offer a user of no tenant, which the database refuses.
            field.required = True
        return field


class SharedGroupAdmin(ForSuperusers, GroupAdmin):
    """Roles."""

    filter_horizontal = ()


admin.site.unregister(Group)
admin.site.register(Group, SharedGroupAdmin)
