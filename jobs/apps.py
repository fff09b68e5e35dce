from __future__ import annotations

from django.apps import AppConfig


class JobsConfig(AppConfig):
    name = "jobs"
    verbose_name = "Jobs"

    def ready(self) -> None:
        from jobs.monitoring.report_stats import run_history
        from jobs.monitoring.throughput import throughputs
        from reports.run_history import RunHistoryProvider, register_provider

        register_provider(RunHistoryProvider(run_history, throughputs))
