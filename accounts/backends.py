"""The permissions that the Administrator role gives in the admin, without a grant per model."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.backends import BaseBackend

from accounts.models import User

# Data sources can only be viewed: a location is a path on the server, so only the operator may choose it.
ADMINISTRATOR_PERMISSIONS = frozenset(
    {
        "accounts.view_tenant",
        "accounts.view_user",
        "accounts.add_user",
        "accounts.change_user",
        "auth.view_group",
        "reports.view_datasource",
        "reports.view_reportconfiguration",
        "reports.change_reportconfiguration",
        "reports.view_reportversion",
        "jobs.view_jobexecutionlog",
        "audit.view_auditlog",
    }
)


class AdministratorBackend(BaseBackend):
    """Gives Administrators ADMINISTRATOR_PERMISSIONS. The admin's pages limit them to their tenant."""

    def get_all_permissions(self, user_obj: Any, obj: Any = None) -> set[str]:
        is_administrator = isinstance(user_obj, User) and user_obj.is_administrator
        return set(ADMINISTRATOR_PERMISSIONS) if is_administrator and obj is None else set()

    def has_perm(self, user_obj: Any, perm: str, obj: Any = None) -> bool:
        return perm in self.get_all_permissions(user_obj, obj)

    def has_module_perms(self, user_obj: Any, app_label: str) -> bool:
        return any(perm.startswith(f"{app_label}.") for perm in self.get_all_permissions(user_obj))
