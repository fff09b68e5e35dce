from __future__ import annotations

from django.apps import AppConfig


class JobsConfig(AppConfig):
    name = "jobs"
    verbose_name = "Jobs"

    def ready(self) -> None:
        from jobs.pace import paces
        from jobs.usual import past
        from reports.past import PastRuns, is_told_by

        is_told_by(PastRuns(past, paces))
