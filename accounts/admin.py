"""The admin's pages for people and organisations."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.models import Tenant, User
from common.admin import SuperuserManagedAdmin, TenantScopedAdmin


@admin.register(Tenant)
class TenantAdmin(SuperuserManagedAdmin, TenantScopedAdmin):
    list_display = ["name", "slug"]
    search_fields = ["name", "slug"]


@admin.register(User)
class TenantUserAdmin(TenantScopedAdmin, UserAdmin):  # type: ignore[type-arg]
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


class SharedGroupAdmin(SuperuserManagedAdmin, GroupAdmin):
    """Roles."""

    filter_horizontal = ()


admin.site.unregister(Group)
admin.site.register(Group, SharedGroupAdmin)
