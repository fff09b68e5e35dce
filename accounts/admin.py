"""The admin's pages of tenants, users and roles."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.models import Tenant, User
from common.admin import SuperuserManagedAdmin, TenantScopedAdmin


@admin.register(Tenant)
class TenantAdmin(SuperuserManagedAdmin, TenantScopedAdmin):
    list_display = ["name", "slug"]
    search_fields = ["name", "slug"]


@admin.register(User)
class TenantUserAdmin(TenantScopedAdmin, UserAdmin):  # type: ignore[type-arg]
    """Users with their tenant. Only superusers can see, create and change superusers."""

    list_display = ["username", "tenant", "email", "is_active", "is_staff", "last_login"]
    list_filter = ["tenant", "groups", "is_active", "is_staff"]
    list_select_related = ["tenant"]
    fieldsets = [
        (None, {"fields": ["username", "password"]}),
        (_("Person"), {"fields": ["first_name", "last_name", "email"]}),
        (_("Organization and roles"), {"fields": ["tenant", "groups"]}),
        (_("Access"), {"fields": ["is_active", "is_staff", "is_superuser", "user_permissions"]}),
        (_("Dates"), {"fields": ["last_login", "date_joined"]}),
    ]
    add_fieldsets = [(None, {"fields": ["username", "tenant", "groups", "password1", "password2"]})]
    readonly_fields = ["last_login", "date_joined"]
    # Django's widget with two lists sets inline styles, which the Content-Security-Policy refuses, and labels elements
    # that have no role, which screen readers ignore.
    filter_horizontal = ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        users = super().get_queryset(request)
        return users if request.user.is_superuser else users.filter(is_superuser=False)

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        fields = list(super().get_readonly_fields(request, obj))
        return fields if request.user.is_superuser else [*fields, "is_superuser", "user_permissions"]

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "groups":
            kwargs["widget"] = forms.CheckboxSelectMultiple
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_foreignkey(db_field, request, **kwargs)
        if db_field.name == "tenant" and not request.user.is_superuser:
            # The database allows only superusers to have no tenant.
            field.required = True
        return field


class RoleAdmin(SuperuserManagedAdmin, GroupAdmin):
    filter_horizontal = ()


admin.site.unregister(Group)
admin.site.register(Group, RoleAdmin)
