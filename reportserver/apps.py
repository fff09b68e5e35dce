from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ReportserverConfig(AppConfig):
    name = "reportserver"
    verbose_name = _("Report server")
