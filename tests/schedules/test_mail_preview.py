"""The first rows and totals in the mails of schedules, read from kept rows."""

from __future__ import annotations

import hashlib
import io
from typing import Any

import pyarrow as pa
import pytest
from bs4 import BeautifulSoup

from jobs.execution import transitions
from jobs.execution.protocol import Result
from jobs.models import JobExecutionLog
from jobs.results import storage, store
from jobs.results.publishing import StoredFile
from reports import actions as reports
from reports.kept_rows.file import KeptRowsWriter
from reports.models import ReportConfiguration
from schedules import actions
from tests.jobs.delivery.helpers import send_next
from tests.jobs.helpers import reload, result_path, write_draft
from tests.schedules.sending import MAIL, schedule_with
from tests.sinks import Mails

# Calls are counted in a database of their own.
pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.usefixtures("mailable")]
NAMES = ["<b>Ann</b> & co", "Bob\nb@x", *(f"Customer {number}" for number in range(12))]
TABLE = pa.table(
    {
        "customer_name": NAMES,
        "amount": pa.array(range(1000, 15000, 1000), pa.int64()),
        "secret": ["hidden"] * 14,
        **{f"c{number}": pa.array([number] * 14) for number in range(8)},
    }
)
OPTIONS: dict[str, Any] = {
    "locale": "de-DE",
    "columns": {"amount": {"label": "Betrag", "format": "#,##0.00"}, "secret": {"hidden": True}},
    "totals": {"columns": {"amount": "sum"}},
}


def run_with_rows(**delivery: Any) -> JobExecutionLog:
    """Let a schedule's job succeed with these rows, which are kept."""
    report = ReportConfiguration.objects.get(slug="carrier-delays")
    reports.patch_report(report=report, patch=OPTIONS, actor="tester")
    schedule = schedule_with(MAIL | delivery)
    actions.run_now(schedule=schedule, actor="tester")
    job = transitions.claim(owner="w", host="h", pid=1)
    assert job
    job.formats = ["csv"]
    job.save(update_fields=["format", "more_formats"])
    kept = io.BytesIO()
    writer = KeptRowsWriter(kept, TABLE.schema, 100)
    for batch in TABLE.to_batches():
        writer.write(batch)
    writer.close(rows=TABLE.num_rows, truncated=None)
    csv, rows = (_stored(job, *file) for file in (("csv", b"a,b\r\n"), ("rows", kept.getvalue())))
    assert transitions.succeed(job, Result(rows=14, truncated=None, files=(csv,), kept=rows))
    return reload(job)


def _stored(job: JobExecutionLog, format: str, content: bytes) -> StoredFile:
    stamp = store.current().publish(write_draft(job, content), storage.result_name(job.pk, job.file_stem, format))
    return StoredFile(format=format, size=len(content), sha256=hashlib.sha256(content).hexdigest(), stamp=stamp)


def bodies(mails: Mails) -> tuple[str, str]:
    """Return the text and the HTML of the newest mail."""
    message = mails.received[-1][1]
    plain, html = message.get_body(("plain",)), message.get_body(("html",))
    assert plain and html
    return plain.get_content(), html.get_content()


def test_a_mail_shows_the_first_rows_and_the_total(mails: Mails) -> None:
    job = run_with_rows(body="Hello <i>you</i>")
    assert send_next().state == "sent"
    text, html = bodies(mails)
    lines = text.splitlines()
    assert lines[2].split() == ["Customer", "name", "Betrag", "C0", "C1", "C2", "C3", "C4", "C5"]
    assert lines[4].startswith("<b>Ann</b> & co") and "1.000,00" in lines[4]
    assert lines[5].startswith("Bob b@x"), "a line break stays within its cell"
    assert "105.000,00" in lines[15] and lines[16] == "4 more rows, 2 more columns"
    cells = [cell.get_text() for cell in BeautifulSoup(html, "html5lib").find_all("td")]
    assert cells[0] == "<b>Ann</b> & co" and cells[1] == "1.000,00" and "105.000,00" in cells
    assert "hidden" not in html + text and "<i>" not in html and "<script" not in html
    assert f"http://testserver/jobs/{job.pk}" in html and "/unsubscribe/" in html
    assert "<style" not in html and "src=" not in html, "mail programs drop and block those"


@pytest.mark.parametrize("delivery", [{"preview": False}, {"link": {"expires": "7d"}}])
def test_a_mail_without_preview_shows_no_rows(mails: Mails, delivery: dict[str, Any]) -> None:
    run_with_rows(**delivery)
    assert send_next().state == "sent"
    assert "Ann" not in "".join(bodies(mails)) and "<table" not in bodies(mails)[1]


def test_rows_that_are_gone_leave_a_mail_without_preview(mails: Mails) -> None:
    job = run_with_rows()
    result_path(job, "rows").unlink()
    assert send_next().state == "sent"
    assert "Ann" not in bodies(mails)[0]
