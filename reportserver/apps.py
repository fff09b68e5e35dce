from __future__ import annotations

from django.apps import AppConfig


class ReportserverConfig(AppConfig):
    name = "reportserver"
    verbose_name = "Report server"
