"""Schedules in definitions files: applied, exported, deleted, and refused with file, line and field."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from audit.models import AuditLog
from reports import actions as report_actions
from reports.models import ReportConfiguration
from schedules import actions
from schedules.models import Schedule
from tests.reports.definitions.sample_file import ENV, sample, write_definitions
from tests.reports.management.test_apply_and_export import run
from tests.schedules.conftest import ENTRY, MakeSchedule, states

pytestmark = pytest.mark.django_db
SCHEDULE: dict[str, Any] = ENTRY | {"slug": "monday-delays", "cron": "0 7 * * MON", "run_as": "user:bob"}

#: Contract, 9, as far as it exists: without deliveries, notify and recipients.
CONTRACT = """\
schedules:
  - slug: monday-delays
    tenant: acme
    report: carrier-delays
    cron: "0 7 * * MON"
    time_zone: Europe/Berlin
    parameters: {start: "now-1w/w", end: "now/w-1d"}
    formats: [pdf]
    run_as: "user:bob"
    missed: last
    missed_within: 24h
    overlap: queue
    start_on: 2026-12-01
    end_on: null
    paused: false
"""


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENV.items():
        monkeypatch.setenv(name, value)


def write(folder: Path, *schedules: dict[str, Any], **sections: Any) -> Path:
    return write_definitions(folder, sample() | {"schedules": list(schedules)} | sections)


def refused(folder: Path, **fields: Any) -> list[str]:
    """Apply a file with a schedule that has these fields. Return the errors, without the file's name."""
    file = write(folder, SCHEDULE | fields)
    code, out, err = run("apply", file)
    assert (code, out, Schedule.objects.count()) == (1, "", 0), err
    return [line.removeprefix(f"{file}:") for line in err.splitlines()]


def test_the_schedule_of_the_contract_is_applied_once_and_exported(tmp_path: Path) -> None:
    people = write_definitions(tmp_path, sample())
    schedules = write_definitions(tmp_path, CONTRACT, "schedules.yaml")
    assert run("apply", people, schedules, "--dry-run")[1].splitlines()[-1] == "create schedule monday-delays in acme"
    assert Schedule.objects.count() == 0
    assert run("apply", people, schedules)[0] == 0
    stored = Schedule.objects.complete().get()
    assert (stored.owner and stored.owner.username, stored.zone.key) == ("bob", "Europe/Berlin")
    assert stored.next_at is not None and stored.next_at.astimezone(stored.zone).strftime("%a %H:%M") == "Mon 07:00"
    assert run("apply", people, schedules)[1] == "Nothing to change.\n"
    exported = tmp_path / "export.yaml"
    assert run("export", "-o", exported)[:2] == (0, "")
    assert run("apply", exported, "--prune")[1] == "Nothing to change.\n"
    Schedule.objects.all().delete()
    assert run("apply", exported)[1] == "create schedule monday-delays in acme\n"
    assert run("export")[1] == exported.read_text()


def test_a_change_is_a_version_that_names_its_fields_and_who_applied_it(tmp_path: Path) -> None:
    run("apply", write(tmp_path, SCHEDULE))
    file = write(tmp_path, SCHEDULE | {"cron": "0 8 * * MON", "overlap": "skip"})
    assert run("apply", file)[1] == "update schedule monday-delays in acme: cron, overlap\n"
    schedule = Schedule.objects.complete().get()
    assert (schedule.version.number, schedule.owner and schedule.owner.username) == (2, "bob")
    entry = AuditLog.objects.filter(action="Schedule Update").get()
    assert entry.details["changed"] == ["cron", "overlap"] and entry.actor == schedule.version.created_by
    paused = write(tmp_path, SCHEDULE | {"cron": "0 8 * * MON", "overlap": "skip", "paused": True})
    assert run("apply", paused)[1] == "update schedule monday-delays in acme: paused\n"
    schedule.refresh_from_db()
    assert (schedule.version.number, schedule.next_at) == (2, None)


def test_only_prune_deletes_schedules_and_before_their_reports(tmp_path: Path) -> None:
    run("apply", write(tmp_path, SCHEDULE))
    without = write(tmp_path, reports=sample()["reports"][1:])
    assert run("apply", without)[1] == "Nothing to change.\n"
    out = run("apply", without, "--prune")[1].splitlines()
    assert out == ["delete schedule monday-delays in acme", "delete report carrier-delays in acme"]
    assert AuditLog.objects.filter(action="Schedule Delete").count() == 1


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("cron", "0 7 * *", "Must have five fields (minute, hour, day, month, weekday), not 4."),
        ("cron", "@daily", "Names like @daily aren't supported. Use five fields: minute, hour, day, month, weekday."),
        ("cron", "0 7 31 2 *", "The day-of-month field is not valid, or names a day that doesn't exist."),
        ("cron", "61 7 * * *", "The minute field is not valid."),
        (
            "time_zone",
            "Europe/Nowhere",
            "There is no such time zone. Use a name like Europe/Berlin, America/New_York or UTC.",
        ),
        ("slug", "preview", "This name is reserved. Choose another."),
        ("missed_within", "soon", "Must be a number of minutes, hours or days, like 90m, 24h or 7d."),
        ("end_on", "2026-02-30", "Must be a date like 2026-12-31."),
        ("run_as", "analysts", "Must name one user, like user:bob."),
        ("run_as", "user:nobody", "User nobody does not exist in this tenant."),
        ("report", "gone", "Report gone does not exist in this tenant."),
        ("report", "customers", "User bob has no right to run this report, or is not active."),
        ("formats[0]", "xlsx", "Must be one of: pdf, csv."),
        ("parameters.start", "now-1X", None),
        ("parameters.start", "now" + "+1d" * 11, None),
        ("parameters.nothing", "1", None),
        ("tenant", "nowhere", "Tenant nowhere does not exist."),
    ],
)
def test_everything_wrong_is_a_sentence_at_its_field_and_changes_nothing(
    tmp_path: Path, field: str, value: str, sentence: str | None
) -> None:
    name, _, parameter = field.partition(".")
    name = name.removesuffix("[0]")
    values: dict[str, Any] = {"formats": [value], "parameters": SCHEDULE["parameters"] | {parameter: value}}
    errors = refused(tmp_path, **{name: values.get(name, value)})
    expected = "run_as" if value == "customers" else field
    assert len(errors) == 1
    line, path, said = errors[0].split(": ", 2)
    assert path == f"schedules[0].{expected}" and int(line) > 1
    assert said == (sentence or said) and said.endswith(".")


def test_a_file_must_name_the_owner(tmp_path: Path) -> None:
    entry = {name: value for name, value in SCHEDULE.items() if name != "run_as"}
    file = write(tmp_path, entry, SCHEDULE)
    assert "schedules[0].run_as: This field is required." in run("apply", file)[2]
    assert "schedules[1].slug: Duplicate of an earlier entry." in run("apply", write(tmp_path, SCHEDULE, SCHEDULE))[2]


def test_errors_of_a_report_are_not_repeated_at_its_schedules(tmp_path: Path) -> None:
    reports = sample()["reports"]
    reports[0]["data_source"] = "gone"
    err = run("apply", write(tmp_path, SCHEDULE, reports=reports))[2]
    assert "reports[0].data_source" in err and "schedules" not in err.replace("schedules.yaml", "")


def test_deleting_a_report_pauses_its_schedules_and_the_export_leaves_them_out(
    make_schedule: MakeSchedule, bob: Any
) -> None:
    schedule = make_schedule(cron="* * * * *", due=timedelta(minutes=3))
    report_actions.delete_report(report=ReportConfiguration.objects.get(slug="carrier-delays"), actor=bob)
    schedule.refresh_from_db()
    assert (schedule.paused, schedule.paused_reason, schedule.next_at) == (True, "The report was deleted.", None)
    assert {state for _, state in states(schedule)} == {"Failed"}
    assert [entry.action for entry in AuditLog.objects.order_by("-sequence")[:2]] == ["Schedule Pause", "Report Delete"]
    code, out, err = run("export")
    assert code == 0 and "schedules:" not in out
    assert err == "Warning: schedule hourly in acme is left out: its report was deleted.\n"


def test_a_schedule_of_a_superuser_survives_the_round_trip(tmp_path: Path, make_schedule: MakeSchedule) -> None:
    from accounts.models import User

    root = User.objects.create_superuser("root", password="a long password of root")
    schedule = make_schedule()
    definition = schedule.definition.model_copy(update={"run_as": "user:root"})
    actions.update_schedule(schedule=schedule, definition=definition, actor=root)
    exported = tmp_path / "export.yaml"
    run("export", "-o", exported)
    assert run("apply", exported, "--prune")[1] == "Nothing to change.\n"
