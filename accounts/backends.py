"""What the Administrator role allows on the admin's pages, without a grant per model."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.backends import BaseBackend

from accounts.models import User

#: Where rows come from is the operator's word: a path could lead to the server's own files, so sources are only shown.
ALLOWED = frozenset(
    {
        *("accounts.view_tenant", "accounts.view_user", "accounts.add_user", "accounts.change_user", "auth.view_group"),
        *("reports.view_datasource", "reports.view_reportconfiguration", "reports.change_reportconfiguration"),
        *("reports.view_reportversion", "jobs.view_jobexecutionlog", "audit.view_auditlog"),
    }
)


class AdministratorBackend(BaseBackend):
    """Gives Administrators the permissions of ALLOWED; the pages keep them within their tenant."""

    def get_all_permissions(self, user_obj: Any, obj: Any = None) -> set[str]:
        administers = isinstance(user_obj, User) and user_obj.is_administrator
        return set(ALLOWED) if administers and obj is None else set()

    def has_perm(self, user_obj: Any, perm: str, obj: Any = None) -> bool:
        return perm in self.get_all_permissions(user_obj, obj)

    def has_module_perms(self, user_obj: Any, app_label: str) -> bool:
        return any(perm.startswith(f"{app_label}.") for perm in self.get_all_permissions(user_obj))
