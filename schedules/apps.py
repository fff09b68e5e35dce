from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class SchedulesConfig(AppConfig):
    name = "schedules"
    verbose_name = _("Schedules")

    def ready(self) -> None:
        from reports.definitions import file_sections
        from reports.models import deleting_report
        from schedules.file_section import SchedulesSection
        from schedules.slots import pause_for_deleted_report

        file_sections.register(SchedulesSection())
        deleting_report.connect(pause_for_deleted_report)
