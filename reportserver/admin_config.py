"""Makes django.contrib.admin use our site. Not in apps.py, since a module can define only one default app config."""

from __future__ import annotations

from django.contrib.admin.apps import AdminConfig


class AdminPagesConfig(AdminConfig):
    default_site = "reportserver.admin_site.Site"
