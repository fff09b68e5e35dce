from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy


class ReportsConfig(AppConfig):
    name = "reports"
    verbose_name = gettext_lazy("Reports")

    def ready(self) -> None:
        from django.conf import settings
        from django.db.models.signals import post_delete, pre_delete

        from common.children.client import children
        from reports.data_sources.usage import refuse_if_used
        from reports.models import DataSource
        from reports.uploads.storage import delete_files_of

        pre_delete.connect(refuse_if_used, sender=DataSource)
        post_delete.connect(delete_files_of, sender=DataSource)
        children.configure(
            modules=["reports.dry_run.preload"], slots=settings.MAX_DRY_RUNS, calls=max(1, settings.WEB_THREADS // 4)
        )
