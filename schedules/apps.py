from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class SchedulesConfig(AppConfig):
    name = "schedules"
    verbose_name = _("Schedules")

    def ready(self) -> None:
        from jobs.actions import job_retried
        from jobs.history.archiving import archiving_jobs, keep_while_needed
        from reports.data_sources import usage
        from reports.definitions import file_sections
        from reports.models import deleting_report
        from schedules.bursting.archived_jobs import keep_ids, needed_jobs
        from schedules.bursting.splitting import follow_retry
        from schedules.file_section import SchedulesSection
        from schedules.models import Schedule
        from schedules.slots import pause_for_deleted_report

        file_sections.register(SchedulesSection())
        usage.register_schedules(Schedule.objects.all())
        deleting_report.connect(pause_for_deleted_report)
        job_retried.connect(follow_retry)
        archiving_jobs.connect(keep_ids)
        keep_while_needed(needed_jobs())
