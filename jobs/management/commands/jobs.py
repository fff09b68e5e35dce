"""manage.py jobs: the monitor, in a terminal."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.serializers.json import DjangoJSONEncoder

from audit.actions import operator_actor
from common.exceptions import DomainError
from common.ids import parse_uuid
from jobs import actions
from jobs.api.serializers import MACHINE_DETAILS, JobEventSerializer, JobSerializer
from jobs.exceptions import JobNotFound
from jobs.models import JobExecutionLog
from jobs.monitoring.filters import JobFilter
from jobs.status import Status

_MOST_JOBS = 1_000_000
_COLUMNS = "{:36}  {:9}  {:19}  {:24}  {}"


class Command(BaseCommand):
    help = "List, show, retry and cancel jobs."

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        listing = verbs.add_parser("list", help="newest first")
        listing.add_argument("--status", choices=Status.values)
        listing.add_argument("--report", help="its id or slug")
        listing.add_argument("--q", help="text in the report's name, the person or the error")
        listing.add_argument("--limit", type=int, default=20)
        verbs.add_parser("show", help="one job with its timeline").add_argument("job")
        verbs.add_parser("retry", help="run a failed job again").add_argument("job")
        verbs.add_parser("cancel", help="end a queued or running job").add_argument("job")
        for verb in verbs.choices.values():
            verb.add_argument("--json", action="store_true", help="for scripts")

    def handle(self, *args: object, **options: Any) -> None:
        try:
            getattr(self, f"_{options['verb']}")(options)
        except DomainError as error:
            raise CommandError(error.message) from error

    def _list(self, options: dict[str, Any]) -> None:
        found = _filter(options).qs[: options["limit"]]
        if options["json"]:
            self._print_json(JobSerializer(found, many=True).data)
        else:
            self._print_table(found)

    def _show(self, options: dict[str, Any]) -> None:
        job = _find(options["job"])
        events = JobEventSerializer(job.events.all(), many=True, context={"of_machines": MACHINE_DETAILS})
        shown = {**JobSerializer(job).data, "events": events.data}
        if options["json"]:
            self._print_json(shown)
        else:
            for name, value in shown.items():
                self.stdout.write(f"{name:14} {_text(value)}")

    def _retry(self, options: dict[str, Any]) -> None:
        again = actions.retry(job=_find(options["job"]), actor=operator_actor())
        self._print_outcome(options, again.pk, f"Queued again as {again.pk}.")

    def _cancel(self, options: dict[str, Any]) -> None:
        job = _find(options["job"])
        actions.cancel(job=job, actor=operator_actor())
        self._print_outcome(options, job.pk, "Cancelled, or about to be.")

    def _print_outcome(self, options: dict[str, Any], job_id: object, sentence: str) -> None:
        if options["json"]:
            self._print_json({"jobId": job_id})
        else:
            self.stdout.write(sentence)

    def _print_table(self, jobs: Iterable[JobExecutionLog]) -> None:
        self.stdout.write(_COLUMNS.format("JOB", "STATUS", "QUEUED (UTC)", "REPORT", "BY"))
        for job in jobs:
            queued = f"{job.queued_at:%Y-%m-%d %H:%M:%S}"
            self.stdout.write(_COLUMNS.format(str(job.pk), job.status, queued, job.report_slug, job.requested_by_name))

    def _print_json(self, data: Any) -> None:
        self.stdout.write(json.dumps(data, cls=DjangoJSONEncoder, indent=2))


def _filter(options: dict[str, Any]) -> JobFilter:
    """What narrows the list. CommandError if it is wrong, since a wrong filter would leave out nothing."""
    if not 1 <= options["limit"] <= _MOST_JOBS:
        raise CommandError(f"--limit must be from 1 to {_MOST_JOBS:,}, not {options['limit']}.")
    jobs = JobExecutionLog.objects.with_result().order_by("-queued_at", "-id")
    wanted = JobFilter({name: options[name] for name in ("status", "report", "q")}, queryset=jobs)
    if not wanted.is_valid():
        sentences = [f"--{name}: {sentence}" for name, many in wanted.errors.items() for sentence in many]
        raise CommandError("\n".join(sentences))
    return wanted


def _find(job_id: str) -> JobExecutionLog:
    uuid = parse_uuid(job_id)
    job = JobExecutionLog.objects.with_result().filter(pk=uuid).first() if uuid else None
    if job is None:
        raise JobNotFound(job_id)
    return job


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, cls=DjangoJSONEncoder)
