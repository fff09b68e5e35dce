"""django.contrib.admin with our site; apart from apps.py, since a module may hold one default configuration."""

from __future__ import annotations

from django.contrib.admin.apps import AdminConfig


class AdminPagesConfig(AdminConfig):
    default_site = "reportserver.admin_site.Site"
