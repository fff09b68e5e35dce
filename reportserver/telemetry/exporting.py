"""The process that sends spans and metrics to a collector. It reads them from the database, so nothing waits for it.

One of the hosts that are alive does it for all. While the collector is away, or a host takes over, spans are lost.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Iterable
from functools import partial

from django.db import connections
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from prometheus_client.metrics_core import Metric

from jobs.clock import from_now
from jobs.hosts.host_lock import INSTANCE_VARIABLE
from jobs.models import JobEvent, WorkerHost
from reportserver.operations.metrics import Metrics
from reportserver.telemetry.spans import COMPLETING, JobTrace

log = logging.getLogger(__name__)
_PAUSE_SECONDS = 2.0
#: Events that are younger may not be committed in the order of their ids.
_SETTLED_SECONDS = 3
_BATCH = 200


def export_until_stopped() -> None:
    """Work until SIGTERM or SIGINT. Must be called in its own process."""
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    # OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES win.
    resource = Resource({"service.name": "reportserver"}).merge(Resource.create())
    spans = SpanExport(OTLPSpanExporter(), resource)
    # Before the metrics: once they arrive, no span of a job that ends is lost.
    spans.work()
    _export_metrics(resource)
    while not stopping.wait(_PAUSE_SECONDS):
        try:
            spans.work()
        except Exception:
            log.exception("Spans could not be exported.")
            connections.close_all()


class SpanExport:
    """Sends the spans of jobs and deliveries that end from now on."""

    def __init__(self, exporter: SpanExporter, resource: Resource) -> None:
        self._exporter = exporter
        self._resource = resource
        self._last: int | None = None

    def work(self) -> None:
        """Send what has ended since the last call."""
        settled = JobEvent.objects.filter(at__lte=from_now(-_SETTLED_SECONDS)).order_by("-pk")
        newest = settled.values_list("pk", flat=True).first() or 0
        if self._last is None or not is_first_host():
            self._last = newest
            return
        events = JobEvent.objects.filter(pk__gt=self._last, pk__lte=newest, kind__in=COMPLETING)
        batch = list(events.select_related("job")[:_BATCH])
        self._last = batch[-1].pk if len(batch) == _BATCH else newest
        spans = [span for event in batch for span in self._trace(event).completed_by(event)]
        if spans and self._exporter.export(spans) is not SpanExportResult.SUCCESS:
            log.warning("The collector took no spans: %d were lost.", len(spans))

    def _trace(self, event: JobEvent) -> JobTrace:
        return JobTrace(event.job, list(event.job.events.all()), self._resource)


def is_first_host() -> bool:
    """True on one of the hosts that are alive."""
    first = WorkerHost.objects.alive().order_by("started_at", "instance").first()
    return first is not None and first.instance == os.environ.get(INSTANCE_VARIABLE)


def _export_metrics(resource: Resource) -> None:
    """Send the metrics of /metrics, every OTEL_METRIC_EXPORT_INTERVAL milliseconds (60,000)."""
    provider = MeterProvider([PeriodicExportingMetricReader(OTLPMetricExporter())], resource)
    meter = provider.get_meter("reportserver")
    for metric in Metrics().collect():
        meter.create_observable_gauge(metric.name, [partial(_observe, metric.name)], description=metric.documentation)


def _observe(name: str, options: CallbackOptions) -> Iterable[Observation]:
    """Return the values of one metric; none on all hosts but one, since they would be the same."""
    try:
        if not is_first_host():
            return []
        families: Iterable[Metric] = [family for family in Metrics().collect() if family.name == name]
        return [Observation(float(each.value), each.labels) for family in families for each in family.samples]
    except Exception:
        log.exception("Metrics could not be exported.")
        connections.close_all()
        return []
