"""Contract, 8: columns and locale, over HTTP."""

from __future__ import annotations

import uuid

import pytest
from bs4 import BeautifulSoup

from tests.acceptance.helpers import assert_error


@pytest.fixture(scope="module")
def report(server):
    """A report with formats, in German unless a run says otherwise."""
    slug = f"formatted-{uuid.uuid4().hex[:8]}"
    definition = {
        "slug": slug, "name": "Formatted", "data_source": "flights", "formats": ["html", "csv", "xlsx", "pdf"],
        "query": "select 1234.5::double as mean_delay, timestamp '2024-02-29' as seen_at, 7 as n, 'x' as secret",
        "columns": {
            "mean_delay": {"format": "#,##0.00", "highlight": [{"when": "> 30", "as": "bad"}]},
            "secret": {"hidden": True},
        },
        "locale": "de-DE", "grants": {"generate": ["analysts"], "view": ["analysts"]},
    }  # fmt: skip
    alice = server.client("alice")
    assert alice.post("/reports", json=definition).status_code == 201
    yield slug
    alice.request("DELETE", f"/reports/{slug}")


def table(bob, report, **body):
    """The job, and the headings and cells of its page."""
    job = bob.wait(bob.post(f"/reports/{report}/generate", json=body).json()["jobId"])
    rows = BeautifulSoup(bob.get(f"/jobs/{job['jobId']}/result").text, "html5lib").select_one("table.rows")
    return job, [[cell.text for cell in row.find_all(["th", "td"])] for row in rows.find_all("tr")]


def test_the_locale_is_that_of_the_run_or_else_of_the_report(bob, report):
    headings = ["Mean delay", "Seen at", "N"]
    job, rows = table(bob, report)
    assert rows == [headings, ["1.234,50", "2024-02-29", "7"]] and job["locale"] is None
    job, rows = table(bob, report, locale="fr-FR")
    assert rows == [headings, ["1\u202f234,50", "2024-02-29", "7"]] and job["locale"] == "fr-FR"


def test_csv_has_the_values_in_every_locale(bob, report):
    job = bob.wait(bob.post(f"/reports/{report}/generate", json={"format": "csv", "locale": "fr-FR"}).json()["jobId"])
    text = bob.get(f"/jobs/{job['jobId']}/result").text
    assert text == "mean_delay,seen_at,n,secret\r\n1234.5,2024-02-29T00:00:00.000000,7,x\r\n"


def test_an_unknown_locale_is_an_error_of_its_field(bob, report):
    answer = bob.post(f"/reports/{report}/generate", json={"locale": "xx-YY", "format": "exe"})
    fields = assert_error(answer, 400, "invalid_parameters")["fields"]
    assert fields["locale"] == ["There is no such locale. Use a name like de-DE, en-US or fr."]
    assert "format" in fields


def test_a_run_with_a_column_that_is_missing_fails_and_isnt_retried(server, bob):
    slug = f"missing-{uuid.uuid4().hex[:8]}"
    alice = server.client("alice")
    # Its data source doesn't exist yet, so nobody could tell.
    definition = {
        "slug": slug, "name": "Missing", "data_source": "gone", "formats": ["html", "csv"],
        "query": "select 1 as n", "columns": {"delay": {"label": "Delay"}},
        "grants": {"generate": ["analysts"], "view": ["analysts"]},
    }  # fmt: skip
    assert alice.post("/reports", json=definition).status_code == 201
    checked = alice.post(
        f"/reports/{slug}/validate", json={"definition": definition | {"data_source": "flights"}}
    ).json()
    assert checked["faults"] == ["columns.delay: The query has no column delay. It has n."]
    refused = alice.request("PATCH", f"/reports/{slug}", json={"data_source": "flights"})
    assert_error(refused, 400, "invalid_definition")
    alice.request("DELETE", f"/reports/{slug}")
