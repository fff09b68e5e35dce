"""Figures for Prometheus, read from the database at each scrape: the same whichever process answers."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import datetime

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from jobs.clock import from_now
from jobs.exceptions import QueueUnavailable
from jobs.models import Delivery, JobExecutionLog, WorkerHost
from jobs.monitoring import counts
from jobs.queue import broker
from jobs.status import ENDED, UNFINISHED


def metrics(request: HttpRequest) -> HttpResponse:
    """Counts only: no name of a report, a person or a host."""
    registry = CollectorRegistry()
    registry.register(_Figures())
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


class _Figures(Collector):
    def collect(self) -> Iterator[GaugeMetricFamily]:
        jobs = JobExecutionLog.objects.all()
        yield _by_status("reportserver_jobs", "Jobs that wait or run now.", counts.tabs(jobs, UNFINISHED))
        lately = jobs.filter(queued_at__gte=from_now(-3600))
        yield _by_status("reportserver_jobs_last_hour", "Ended jobs of the last hour.", counts.tabs(lately, ENDED))
        oldest = counts.oldest_waiting(jobs)
        yield _gauge("reportserver_oldest_waiting_seconds", "Age of the job that could be claimed first.", _age(oldest))
        hosts = WorkerHost.objects.alive()
        yield _gauge("reportserver_hosts_alive", "Hosts whose workers reported lately.", hosts.count())
        yield _gauge("reportserver_slots", "Jobs that these can run at once.", hosts.total_slots())
        yield _gauge("reportserver_queue_up", "Whether the queue of messages answers.", _queue_answers())
        pending = Delivery.objects.filter(state=Delivery.State.PENDING).count()
        yield _gauge("reportserver_deliveries_pending", "Mails, webhooks and files that are to be sent.", pending)
        free = shutil.disk_usage(settings.ARTIFACTS_DIR).free
        yield _gauge("reportserver_artifacts_free_bytes", "Free space where results are stored.", free)


def _queue_answers() -> bool:
    try:
        broker.ping()
    except QueueUnavailable:
        return False
    return True


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, value=value)


def _by_status(name: str, text: str, tabs: list[counts.Tab]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=["status"])
    for tab in tabs:
        family.add_metric([tab.status], tab.counted)
    return family


def _age(since: datetime | None) -> float:
    return (timezone.now() - since).total_seconds() if since else 0.0
