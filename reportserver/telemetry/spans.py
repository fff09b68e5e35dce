"""The spans of a job, from its events: each has happened already when its span is made."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from common.api.tracing import Trace
from jobs.models import JobEvent, JobExecutionLog

_SCOPE = InstrumentationScope("reportserver")
_ENDS_OF_ATTEMPTS = (JobEvent.Kind.SUCCEEDED, JobEvent.Kind.FAILED, JobEvent.Kind.REQUEUED)
_DELIVERED = (JobEvent.Kind.DELIVERED, JobEvent.Kind.DELIVERY_FAILED, JobEvent.Kind.DELIVERY_GIVEN_UP)
#: In the order in which they begin. Reading and rendering alternate: their spans have the right length only.
_PHASES = ("connect", "firstRow", "read", "render", "publish")
#: Events that complete spans.
COMPLETING = (JobEvent.Kind.SUCCEEDED, JobEvent.Kind.FAILED, *_DELIVERED)


@dataclass(frozen=True)
class JobTrace:
    """The trace of one job. Ids follow from the job's, so spans that are sent twice are the same spans."""

    job: JobExecutionLog
    events: Sequence[JobEvent]
    resource: Resource

    def completed_by(self, event: JobEvent) -> Iterator[ReadableSpan]:
        """Yield the spans that were complete with this event: of the job and its attempts, or of a delivery."""
        if event.kind in _DELIVERED:
            yield self._delivery(event)
        elif event.kind in COMPLETING:
            yield self._job(event)
            yield from self._attempts()

    def _job(self, end: JobEvent) -> ReadableSpan:
        job, call = self.job, self._client
        attributes: dict[str, str | int] = {
            "reportserver.job": str(job.pk),
            "reportserver.report": job.report_slug,
            "reportserver.tenant": str(job.tenant_id),
            "reportserver.status": job.status,
            "reportserver.attempts": job.attempt,
            "reportserver.rows": job.rows,
            "reportserver.error": job.error_code,
        }
        parent = self._context(call.span_id, is_remote=True) if call else None
        return self._span("job", job.queued_at, end.at, parent, attributes, job.error_code, SpanKind.CONSUMER)

    def _attempts(self) -> Iterator[ReadableSpan]:
        waiting_since, claimed = self.job.queued_at, None
        for event in self.events:
            if event.kind == JobEvent.Kind.CLAIMED:
                claimed = event
                yield self._span(f"wait {event.attempt}", waiting_since, event.at, self._root)
            elif claimed and event.kind in _ENDS_OF_ATTEMPTS:
                yield from self._attempt(claimed, event)
                waiting_since, claimed = event.at, None

    def _attempt(self, claimed: JobEvent, end: JobEvent) -> Iterator[ReadableSpan]:
        name = f"attempt {claimed.attempt}"
        yield self._span(name, claimed.at, end.at, self._root, {}, str(end.details.get("code", "")))
        seconds: Mapping[str, float] = end.details.get("phases", {})
        start = claimed.at.timestamp()
        for phase in _PHASES:
            if phase in seconds:
                until = start + seconds[phase]
                yield self._span(phase, start, until, self._context(self._span_id(name)))
                start = until

    def _delivery(self, end: JobEvent) -> ReadableSpan:
        """From the job's end, or from the delivery's last try, to the end of this one."""
        details = end.details
        tries = (event for event in self.events if event.details.get("delivery") == details.get("delivery"))
        earlier = [event.at for event in tries if event.pk < end.pk]
        succeeded = (event.at for event in self.events if event.kind == JobEvent.Kind.SUCCEEDED)
        start = max(earlier, default=next(succeeded, end.at))
        error = "" if end.kind == JobEvent.Kind.DELIVERED else end.kind
        name = f"deliver {details.get('delivery')} {details.get('try')}"
        attributes = {"reportserver.delivery": str(details.get("kind", ""))}
        return self._span(name, start, end.at, self._root, attributes, error, SpanKind.PRODUCER)

    def _span(
        self,
        name: str,
        start: datetime | float,
        end: datetime | float,
        parent: SpanContext | None,
        attributes: Mapping[str, str | int] | None = None,
        error: str = "",
        kind: SpanKind = SpanKind.INTERNAL,
    ) -> ReadableSpan:
        return ReadableSpan(
            # The rest of the name only tells spans apart.
            name.split()[0],
            self._context(self._span_id(name)),
            parent,
            self.resource,
            attributes,
            kind=kind,
            status=Status(StatusCode.ERROR, error) if error else Status(StatusCode.OK),
            start_time=_nanoseconds(start),
            end_time=_nanoseconds(end),
            instrumentation_scope=_SCOPE,
        )

    @property
    def _root(self) -> SpanContext:
        return self._context(self._span_id("job"))

    @property
    def _client(self) -> Trace | None:
        """The trace of the call that created the job, if its client sent one."""
        queued = next((event for event in self.events if event.kind == JobEvent.Kind.QUEUED), None)
        trace = queued and queued.details.get("trace")
        return Trace(*trace) if trace else None

    def _context(self, span_id: str, *, is_remote: bool = False) -> SpanContext:
        client = self._client
        # A job's id has as many bits as a trace's.
        trace_id = int(client.trace_id, 16) if client else self.job.pk.int
        return SpanContext(trace_id, int(span_id, 16), is_remote, TraceFlags(TraceFlags.SAMPLED))

    def _span_id(self, name: str) -> str:
        return hashlib.sha256(f"{self.job.pk} {name}".encode()).hexdigest()[:16]


def _nanoseconds(at: datetime | float) -> int:
    return int((at.timestamp() if isinstance(at, datetime) else at) * 1e9)
