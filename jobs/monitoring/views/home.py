"""What people come to the overview for: their latest results, their favorite reports, and the folders."""

from __future__ import annotations

from typing import Any

from accounts.models import User
from jobs.models import JobExecutionLog
from jobs.monitoring.live import changing_values, content_hash
from reports.catalogue.search import contents, is_favorite
from reports.models import ReportConfiguration

_LATEST, _FAVORITES, _FOLDERS = 8, 50, 20


def latest_context(user: User) -> dict[str, Any]:
    jobs = JobExecutionLog.objects.visible_to(user).filter(requested_by=user)
    latest = list(jobs.for_list().newest_first()[:_LATEST])
    return {"latest_jobs": latest, "latest_hash": content_hash([changing_values(job) for job in latest])}


def home_context(user: User) -> dict[str, Any]:
    reports = ReportConfiguration.objects.visible_to(user).filter(is_favorite(user))
    favorites = list(reports.select_related("current").order_by("current__name", "pk")[:_FAVORITES])
    folders = [folder for folder in contents(user).folders if folder.depth == 0][:_FOLDERS]
    return {"favorites": favorites, "folders": folders, **latest_context(user)}
