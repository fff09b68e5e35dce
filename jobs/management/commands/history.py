"""manage.py history: look into the archives of old jobs and audit entries."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit.archive.port import ArchiveUnavailable
from common.ids import parse_uuid
from jobs.history.search import Found, Kind, Search, entries_about, find_job

#: The times of jobs are the database's, those of entries their host's.
_MAX_CLOCK_SKEW = timedelta(days=1)


class Command(BaseCommand):
    help = "Look into the history: jobs and audit entries older than REPORTSERVER_HISTORY_DAYS, which are archived."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        search = actions.add_parser("search", help="list archived jobs and audit entries, the newest first")
        search.add_argument("text", metavar="TEXT", nargs="?", default="", help="a text anywhere in them")
        search.add_argument("--since", type=_time, metavar="TIME", help="ISO 8601; UTC without an offset")
        search.add_argument("--until", type=_time, metavar="TIME", help="excluded")
        search.add_argument("--kind", type=Kind, choices=list(Kind), help="only jobs, or only audit entries")
        search.add_argument("--limit", type=int, default=100, help="how many of each kind; default: 100")
        search.add_argument("--json", action="store_true", help="all of each, one JSON object a line")
        show = actions.add_parser("show", help="print an archived job and the audit entries about it as JSON")
        show.add_argument("job", metavar="JOB", help="the job's id")

    def handle(self, *args: object, action: str, **options: Any) -> None:
        self._bad: list[str] = []
        try:
            self._search(**options) if action == "search" else self._show(options["job"])
        except ArchiveUnavailable as error:
            raise CommandError(f"The archives can't be read: {error}") from error
        for name in self._bad:
            self.stderr.write(self.style.ERROR(f"The archive {name} is missing or was changed. Run verify_audit."))
        if self._bad:
            sys.exit(1)

    def _search(self, *, text: str, since: datetime | None, until: datetime | None, **options: Any) -> None:
        if options["limit"] < 1:
            raise CommandError("--limit must be 1 or more.")
        search = Search(text, since, until)
        for kind in [options["kind"]] if options["kind"] else list(Kind):
            for found in islice(search.run(kind, on_bad=self._bad.append), options["limit"]):
                self.stdout.write(_json(found.values) if options["json"] else _summary(found))

    def _show(self, job: str) -> None:
        uuid = parse_uuid(job)
        values = find_job(uuid, on_bad=self._bad.append) if uuid else None
        if values is None:
            raise CommandError(f"There is no archived job {job}.")
        since = datetime.fromisoformat(values["queued_at"]) - _MAX_CLOCK_SKEW
        values["audit"] = entries_about(values["id"], since=since, on_bad=self._bad.append)
        self.stdout.write(json.dumps(values, indent=2, ensure_ascii=False))


def _time(value: str) -> datetime:
    at = datetime.fromisoformat(value)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _json(values: dict[str, Any]) -> str:
    return json.dumps(values, ensure_ascii=False)


def _summary(found: Found) -> str:
    values, at = found.values, f"{found.at:%Y-%m-%d %H:%M:%S}"
    if found.kind == Kind.JOB:
        return f"{at}  {values['id']}  {values['status']:9}  {values['report_slug']}  {values['requested_by_name']}"
    target = f"{values['target_type']} {values['target_id']}"
    return f"{at}  #{values['sequence']}  {values['actor']}  {values['action']}  {target}"
