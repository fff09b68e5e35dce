"""manage.py schedules: list, show, run, pause and resume schedules in a terminal."""

from __future__ import annotations

import json
from itertools import islice
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.serializers.json import DjangoJSONEncoder
from django.utils import timezone

from accounts.models import User
from audit.actions import operator_actor
from common.exceptions import DomainError
from common.ids import parse_uuid
from schedules import actions
from schedules.api.serializers import ScheduleSerializer, SlotSerializer
from schedules.models import Schedule

_COLUMNS = "{:24}  {:24}  {:12}  {:8}  {}"
_SHOWN_SLOTS = 20


class Command(BaseCommand):
    help = "List, show, run, pause and resume schedules."

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        verbs.add_parser("list", help="list all schedules")
        for name, help in {
            "show": "show a schedule with its newest slots",
            "run": "run a schedule now, as its owner",
            "pause": "pause a schedule",
            "resume": "resume a schedule",
            "next": "print the next times of a schedule",
            "take-over": "give a new owner to a schedule whose owner is gone",
        }.items():
            verbs.add_parser(name, help=help).add_argument("schedule", help="the schedule's id or slug")
        verbs.choices["next"].add_argument("--count", type=int, default=5, help="how many times (default: 5)")
        verbs.choices["take-over"].add_argument(
            "--as", dest="owner", required=True, metavar="USER", help="the new owner"
        )
        for verb in verbs.choices.values():
            verb.add_argument("--tenant", metavar="SLUG", help="needed if several tenants have a schedule of this slug")
            verb.add_argument("--json", action="store_true", help="print JSON, for scripts")

    def handle(self, *args: object, **options: Any) -> None:
        try:
            getattr(self, f"_{options['verb'].replace('-', '_')}")(options)
        except DomainError as error:
            raise CommandError(error.message) from error

    def _list(self, options: dict[str, Any]) -> None:
        schedules: Any = Schedule.objects.complete().order_by("tenant__slug", "slug")
        if options["tenant"]:
            schedules = schedules.filter(tenant__slug=options["tenant"])
        if options["json"]:
            self._print_json(ScheduleSerializer(schedules, many=True).data)
            return
        self.stdout.write(_COLUMNS.format("SCHEDULE", "REPORT", "OWNER", "STATE", "NEXT (UTC)"))
        for schedule in schedules:
            state = "paused" if schedule.paused else "active"
            report = schedule.report.slug if schedule.report else "(deleted)"
            owner = schedule.owner.username if schedule.owner else "(deleted)"
            next_at = f"{schedule.next_at:%Y-%m-%d %H:%M}" if schedule.next_at else "-"
            self.stdout.write(_COLUMNS.format(schedule.slug, report, owner, state, next_at))

    def _show(self, options: dict[str, Any]) -> None:
        schedule = _find(options)
        slots: Any = schedule.slots.complete()[:_SHOWN_SLOTS]
        shown = {**ScheduleSerializer(schedule).data, "slots": SlotSerializer(slots, many=True).data}
        self._print_json(shown)

    def _run(self, options: dict[str, Any]) -> None:
        slot = actions.run_now(schedule=_find(options), actor=operator_actor())
        if slot.job_id:
            self._print(options, {"jobId": slot.job_id}, f"Queued job {slot.job_id}.")
        else:
            jobs = slot.job_ids()
            self._print(options, {"slot": slot.pk, "jobIds": jobs}, f"Queued {len(jobs)} jobs. {slot.reason}".rstrip())

    def _pause(self, options: dict[str, Any]) -> None:
        schedule = actions.pause(schedule=_find(options), actor=operator_actor())
        self._print(options, {"paused": True}, f"Paused {schedule.slug}.")

    def _resume(self, options: dict[str, Any]) -> None:
        schedule = actions.resume(schedule=_find(options), actor=operator_actor())
        next_at = f"{schedule.next_at:%Y-%m-%d %H:%M} UTC" if schedule.next_at else "never: its last day has passed"
        self._print(options, {"paused": False, "next": schedule.next_at}, f"Resumed {schedule.slug}. Next: {next_at}.")

    def _take_over(self, options: dict[str, Any]) -> None:
        schedule = _find(options)
        owner = User.objects.filter(username=options["owner"]).first()
        if owner is None:
            raise CommandError(f"User {options['owner']!r} does not exist.")
        changed = actions.take_over(schedule=schedule, owner=owner, actor=operator_actor())
        state = "It is still paused." if changed.paused else "It runs again."
        shown = {"owner": owner.username, "paused": changed.paused}
        self._print(options, shown, f"{schedule.slug} belongs to {owner.username}. {state}")

    def _next(self, options: dict[str, Any]) -> None:
        schedule = _find(options)
        times = islice(schedule.times(after=timezone.now()), max(options["count"], 0))
        shown = [time.astimezone(schedule.zone).isoformat() for time in times]
        self._print(options, {"times": shown}, "\n".join(shown))

    def _print(self, options: dict[str, Any], data: object, text: str) -> None:
        if options["json"]:
            self._print_json(data)
        else:
            self.stdout.write(text)

    def _print_json(self, data: object) -> None:
        self.stdout.write(json.dumps(data, indent=2, cls=DjangoJSONEncoder))


def _find(options: dict[str, Any]) -> Schedule:
    key, schedules = options["schedule"], Schedule.objects.complete()
    if options["tenant"]:
        schedules = schedules.filter(tenant__slug=options["tenant"])
    uuid = parse_uuid(key)
    matches = list(schedules.filter(pk=uuid) if uuid else schedules.filter(slug=key))
    if not matches:
        raise CommandError(f"Schedule {key!r} does not exist.")
    if len(matches) > 1:
        raise CommandError(f"Several tenants have a schedule {key!r}. Choose one with --tenant.")
    return matches[0]
