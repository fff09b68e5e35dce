"""Metrics for Prometheus. Read from the database at each scrape, so every web process reports the same values."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from jobs.clock import from_now
from jobs.exceptions import QueueUnavailable
from jobs.history.lag import lag_seconds
from jobs.models import Delivery, JobExecutionLog
from jobs.monitoring import workload
from jobs.monitoring.status_counts import COUNT_LIMIT
from jobs.queue import broker
from jobs.status import ENDED, UNFINISHED
from reportserver.operations.metrics_token import has_metrics_token
from schedules.slots import late_slots


def metrics(request: HttpRequest) -> HttpResponse:
    """Counts only, without the names of reports, users and hosts. 401 without the token of the metrics."""
    if not has_metrics_token(request):
        challenge = {"WWW-Authenticate": 'Bearer realm="metrics"'}
        return HttpResponse("Not allowed.\n", status=401, content_type="text/plain", headers=challenge)
    registry = CollectorRegistry()
    registry.register(Metrics())
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


class Metrics(Collector):
    """All metrics, read from the database when they are collected."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        jobs = JobExecutionLog.objects.all()
        unfinished = jobs.counted_by_status(UNFINISHED, COUNT_LIMIT + 1)
        yield _by_status("reportserver_jobs", "Queued and running jobs.", unfinished)
        ended = jobs.filter(queued_at__gte=from_now(-3600)).counted_by_status(ENDED, COUNT_LIMIT + 1)
        yield _by_status("reportserver_jobs_last_hour", "Jobs of the last hour that have ended.", ended)
        oldest = workload.oldest_queued_at(jobs)
        age = (timezone.now() - oldest).total_seconds() if oldest else 0.0
        yield _gauge("reportserver_oldest_waiting_seconds", "Time the oldest job that is due has been queued.", age)
        workers = workload.workers()
        yield _gauge("reportserver_hosts_alive", "Hosts with active workers.", len(workers.hosts))
        yield _gauge("reportserver_slots", "Jobs that these hosts can run at once.", workers.slots)
        yield _gauge("reportserver_queue_up", "1 if the message queue answers.", _queue_answers())
        pending = Delivery.objects.filter(state=Delivery.State.PENDING).count()
        yield _gauge("reportserver_deliveries_pending", "E-mails, webhooks and files that have not been sent.", pending)
        yield _gauge(
            "reportserver_late_slots", "Times of schedules that should have been recorded by now.", late_slots()
        )
        help = "Time for which the oldest job or audit entry should have been archived."
        yield _gauge("reportserver_history_lag_seconds", help, lag_seconds())
        free = shutil.disk_usage(settings.ARTIFACTS_DIR).free
        yield _gauge("reportserver_artifacts_free_bytes", "Free space for result files.", free)


def _gauge(name: str, help: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, help, value=value)


def _by_status(name: str, help: str, counts: dict[str, int]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, help, labels=["status"])
    for status, count in counts.items():
        family.add_metric([status], count)
    return family


def _queue_answers() -> bool:
    try:
        broker.ping()
    except QueueUnavailable:
        return False
    return True
