"""Traces and metrics reach a collector, which here is a server that keeps what it gets."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.acceptance.helpers import succeeded_job, temporary_report, wait_until
from tests.server import RunningServer, running_server

TRACE, CALL = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
_MESSAGES = {"/v1/traces": ExportTraceServiceRequest, "/v1/metrics": ExportMetricsServiceRequest}


class Collector(ThreadingHTTPServer):
    """Takes OTLP over HTTP."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.received: list[Any] = []

    def spans(self, trace: str) -> dict[str, Any]:
        """The spans of a trace by name."""
        requests = [message for message in self.received if isinstance(message, ExportTraceServiceRequest)]
        groups = [scope for each in requests for group in each.resource_spans for scope in group.scope_spans]
        return {span.name: span for scope in groups for span in scope.spans if span.trace_id.hex() == trace}

    def metrics(self) -> set[str]:
        requests = [message for message in self.received if isinstance(message, ExportMetricsServiceRequest)]
        groups = [scope for each in requests for group in each.resource_metrics for scope in group.scope_metrics]
        return {metric.name for scope in groups for metric in scope.metrics}


class _Handler(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        self.server.received.append(_MESSAGES[self.path].FromString(body))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Print nothing."""


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with Collector() as collector:
        thread = threading.Thread(target=collector.serve_forever)
        thread.start()
        yield collector
        collector.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, prepared: Path, collector: Collector) -> Iterator[RunningServer]:
    with running_server(
        tmp_path_factory.mktemp("telemetry"),
        prepared=prepared,
        REPORTSERVER_FILE_SHARE=str(tmp_path_factory.mktemp("share")),
        REPORTSERVER_OTEL="1",
        OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{collector.server_port}",
        OTEL_METRIC_EXPORT_INTERVAL="1000",
    ) as running:
        # Spans are of jobs that end once the exporter runs; metrics show that it does.
        wait_until(collector.metrics, seconds=120)
        yield running


def test_a_job_is_a_trace_with_its_phases(server: RunningServer, collector: Collector) -> None:
    job = succeeded_job(server.client("bob"))
    trace = job.replace("-", "")
    wait_until(lambda: "job" in collector.spans(trace), seconds=60)
    spans = collector.spans(trace)
    assert set(spans) == {"job", "wait", "attempt", "connect", "firstRow", "read", "render", "publish"}
    root, attempt = spans["job"], spans["attempt"]
    assert root.parent_span_id == b"" and attempt.parent_span_id == spans["wait"].parent_span_id == root.span_id
    assert {spans[name].parent_span_id for name in ("connect", "render", "publish")} == {attempt.span_id}
    assert root.start_time_unix_nano == spans["wait"].start_time_unix_nano
    assert spans["wait"].end_time_unix_nano == attempt.start_time_unix_nano < attempt.end_time_unix_nano
    attributes = {each.key: each.value.string_value or each.value.int_value for each in root.attributes}
    assert (attributes["reportserver.report"], attributes["reportserver.rows"]) == ("sales-by-region", 3)


def test_a_job_belongs_to_the_trace_of_the_call_that_created_it(server: RunningServer, collector: Collector) -> None:
    bob = server.client("bob")
    answer = bob.post("/reports/broken/generate", json={}, headers={"traceparent": f"00-{TRACE}-{CALL}-01"})
    bob.wait(answer.json()["jobId"])
    wait_until(lambda: "job" in collector.spans(TRACE), seconds=60)
    root = collector.spans(TRACE)["job"]
    assert root.parent_span_id.hex() == CALL and root.status.message == "query_failed"


def test_a_delivery_is_part_of_its_jobs_trace(server: RunningServer, collector: Collector) -> None:
    targets = [{"kind": "api_response", "mode": "asynchronous"}, {"kind": "file_share", "path": "daily"}]
    with temporary_report(server.client("alice"), delivery=targets, deliver="always") as report:
        trace = succeeded_job(server.client("bob"), report).replace("-", "")
        wait_until(lambda: "deliver" in collector.spans(trace), seconds=60)
    spans = collector.spans(trace)
    assert spans["deliver"].parent_span_id == spans["job"].span_id
    assert spans["deliver"].start_time_unix_nano == spans["job"].end_time_unix_nano


def test_the_metrics_are_those_of_prometheus(server: RunningServer, collector: Collector) -> None:
    lines = server.probe("/metrics").text.splitlines()
    assert collector.metrics() == {line.split()[2] for line in lines if line.startswith("# TYPE")}
