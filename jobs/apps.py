from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class JobsConfig(AppConfig):
    name = "jobs"
    verbose_name = _("Jobs")

    def ready(self) -> None:
        from audit.archive import port
        from jobs.connections.file_section import ConnectionsSection
        from jobs.history.audit_adapter import StoredArchives
        from jobs.runner_adapter import JobRunner
        from reports import runner_port
        from reports.definitions import file_sections

        port.register(StoredArchives())
        runner_port.register(JobRunner())
        file_sections.register(ConnectionsSection())
