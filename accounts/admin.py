"""The admin's pages of tenants, users and roles."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.caller import caller
from accounts.exceptions import TooManyNames
from accounts.models import Role, Tenant, User
from accounts.roles import may_manage, role_name, roles_to_hand_out, roles_visible_to
from common.admin import SuperuserManagedAdmin, TenantScopedAdmin
from common.throttling import count_in_database


@admin.register(Tenant)
class TenantAdmin(SuperuserManagedAdmin, TenantScopedAdmin):
    list_display = ["name", "slug"]
    search_fields = ["name", "slug"]


class RoleFilter(admin.SimpleListFilter):
    """Users with a role, chosen from those that the viewer may see."""

    title = _("role")
    parameter_name = "role"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        viewer = caller(request)
        return sorted((str(role.pk), role_label(role, viewer)) for role in roles_visible_to(viewer))

    def queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> QuerySet[User]:
        value = self.value() or ""
        return queryset.filter(groups__in=roles_visible_to(caller(request)).filter(pk=value)) if value else queryset


class RolesField(forms.ModelMultipleChoiceField):  # type: ignore[type-arg]
    """The roles that somebody may hand out."""

    def __init__(self, viewer: User, **options: Any) -> None:
        self.viewer = viewer
        super().__init__(roles_to_hand_out(viewer), widget=forms.CheckboxSelectMultiple, **options)

    def label_from_instance(self, obj: Any) -> str:
        return role_label(obj, self.viewer)


def role_label(group: Group, viewer: User) -> str:
    """The role's name; for superusers, to whom names are ambiguous, with the tenant."""
    role = getattr(group, "role", None)
    return f"{role.name} ({role.tenant})" if role and viewer.is_superuser else role_name(group)


@admin.register(User)
class TenantUserAdmin(TenantScopedAdmin, UserAdmin):  # type: ignore[type-arg]
    """Users with their tenant. Only superusers can see, create and change superusers."""

    list_display = ["username", "tenant", "email", "is_active", "is_staff", "last_login"]
    list_filter = ["tenant", RoleFilter, "is_active", "is_staff"]
    list_select_related = ["tenant"]
    fieldsets = [
        (None, {"fields": ["username", "password"]}),
        (_("Person"), {"fields": ["first_name", "last_name", "email"]}),
        (_("Organization and roles"), {"fields": ["tenant", "groups", "attributes"]}),
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

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        allowed = super().has_change_permission(request, obj)
        return allowed and (obj is None or may_manage(caller(request), obj))

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        allowed = super().has_delete_permission(request, obj)
        return allowed and (obj is None or may_manage(caller(request), obj))

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "groups":
            return RolesField(caller(request), required=False, label=_("Roles"))
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Count names that are refused: by trying them, somebody could find out who has an account elsewhere."""
        if request.method == "POST" and not request.user.is_superuser:
            key = f"user:{request.user.pk}"
            if count_in_database("names", key, amount=0).used >= settings.RATE_LIMITS["names"]:
                raise TooManyNames
            response = super().changeform_view(request, *args, **kwargs)
            form = getattr(response, "context_data", {}).get("adminform")
            if form and "username" in form.form.errors:
                count_in_database("names", key)
            return response
        return super().changeform_view(request, *args, **kwargs)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Save the roles. Those that the actor can't hand out stay; those of another tenant, after a move, don't."""
        user: User = form.instance
        kept = set(user.groups.values_list("pk", flat=True)) if change else set()
        kept -= set(roles_to_hand_out(caller(request)).values_list("pk", flat=True))
        super().save_related(request, form, formsets, change)
        user.groups.add(*kept)
        user.groups.remove(*Group.objects.filter(role__isnull=False).exclude(role__tenant=user.tenant_id))

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_foreignkey(db_field, request, **kwargs)
        if db_field.name == "tenant" and not request.user.is_superuser:
            # The database allows only superusers to have no tenant.
            field.required = True
        return field


class RoleInline(admin.StackedInline):  # type: ignore[type-arg]
    """The tenant that a role belongs to, and its name there."""

    model = Role
    can_delete = False


class RoleAdmin(SuperuserManagedAdmin, GroupAdmin):
    """Roles. Staff who aren't superusers see those of their tenant; none is handed out here."""

    list_display = ["role_name", "tenant"]
    filter_horizontal = ()
    inlines = [RoleInline]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Group]:
        return super().get_queryset(request).filter(pk__in=roles_visible_to(caller(request))).select_related("role")

    def get_fields(self, request: HttpRequest, obj: Group | None = None) -> Any:
        return super().get_fields(request, obj) if request.user.is_superuser else ["role_name"]

    def get_readonly_fields(self, request: HttpRequest, obj: Group | None = None) -> Any:
        return () if request.user.is_superuser else ("role_name",)

    def get_inlines(self, request: HttpRequest, obj: Group | None) -> Any:
        return self.inlines if request.user.is_superuser else []

    @admin.display(description=_("Role"), ordering="name")
    def role_name(self, group: Group) -> str:
        return role_name(group)

    @admin.display(description=_("Organization"), ordering="role__tenant__name")
    def tenant(self, group: Group) -> str:
        role = getattr(group, "role", None)
        return str(role.tenant) if role else ""


admin.site.unregister(Group)
admin.site.register(Group, RoleAdmin)
