"""manage.py jobs: list, show, retry and cancel jobs in a terminal."""

from __future__ import annotations

import json
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

_MAX_LIMIT = 1_000_000
_COLUMNS = "{:36}  {:9}  {:19}  {:24}  {}"


class Command(BaseCommand):
    help = "List, show, retry and cancel jobs."

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        listing = verbs.add_parser("list", help="list jobs, newest first")
        listing.add_argument("--status", choices=Status.values, help="only jobs with this status")
        listing.add_argument("--report", help="only jobs of the report with this id, slug or name")
        listing.add_argument("--q", help="search as in the search bar of the job list")
        listing.add_argument("--limit", type=int, default=20, help="how many jobs to list (default: 20)")
        verbs.add_parser("show", help="show a job with its timeline").add_argument("job", help="the job's id")
        verbs.add_parser("retry", help="retry a failed job as a new job").add_argument("job", help="the job's id")
        verbs.add_parser("cancel", help="cancel a queued or running job").add_argument("job", help="the job's id")
        for verb in verbs.choices.values():
            verb.add_argument("--json", action="store_true", help="print JSON, for scripts")

    def handle(self, *args: object, **options: Any) -> None:
        try:
            getattr(self, f"_{options['verb']}")(options)
        except DomainError as error:
            raise CommandError(error.message) from error

    def _list(self, options: dict[str, Any]) -> None:
        if not 1 <= options["limit"] <= _MAX_LIMIT:
            raise CommandError(f"--limit must be from 1 to {_MAX_LIMIT:,}, not {options['limit']}.")
        all_jobs = JobExecutionLog.objects.with_result().order_by("-queued_at", "-id")
        filters = JobFilter({name: options[name] for name in ("status", "report", "q")}, queryset=all_jobs)
        # An invalid filter would filter nothing out, so all jobs would be listed.
        if not filters.is_valid():
            messages = [f"--{name}: {message}" for name, errors in filters.errors.items() for message in errors]
            raise CommandError("\n".join(messages))
        jobs = filters.qs[: options["limit"]]
        if options["json"]:
            self._print_json(JobSerializer(jobs, many=True).data)
            return
        self.stdout.write(_COLUMNS.format("JOB", "STATUS", "QUEUED (UTC)", "REPORT", "BY"))
        for job in jobs:
            queued = f"{job.queued_at:%Y-%m-%d %H:%M:%S}"
            self.stdout.write(_COLUMNS.format(str(job.pk), job.status, queued, job.report_slug, job.requested_by_name))

    def _show(self, options: dict[str, Any]) -> None:
        job = _find(options["job"])
        events = JobEventSerializer(job.events.all(), many=True, context={"machine_details": MACHINE_DETAILS})
        data = {**JobSerializer(job).data, "events": events.data}
        if options["json"]:
            self._print_json(data)
            return
        for name, value in data.items():
            text = value if isinstance(value, str) else json.dumps(value, cls=DjangoJSONEncoder)
            self.stdout.write(f"{name:14} {text}")

    def _retry(self, options: dict[str, Any]) -> None:
        new_job = actions.retry(job=_find(options["job"]), actor=operator_actor())
        self._print_outcome(options, new_job, f"Queued as job {new_job.pk}.")

    def _cancel(self, options: dict[str, Any]) -> None:
        job = _find(options["job"])
        actions.cancel(job=job, actor=operator_actor())
        self._print_outcome(options, job, "Cancelled. A running job ends within seconds.")

    def _print_outcome(self, options: dict[str, Any], job: JobExecutionLog, sentence: str) -> None:
        if options["json"]:
            self._print_json({"jobId": job.pk})
        else:
            self.stdout.write(sentence)

    def _print_json(self, data: Any) -> None:
        self.stdout.write(json.dumps(data, cls=DjangoJSONEncoder, indent=2))


def _find(job_id: str) -> JobExecutionLog:
    uuid = parse_uuid(job_id)
    job = JobExecutionLog.objects.with_result().filter(pk=uuid).first() if uuid else None
    if job is None:
        raise JobNotFound(job_id)
    return job
