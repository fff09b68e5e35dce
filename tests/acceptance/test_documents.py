"""Designed documents: a job succeeds, fails with the template's line, and is cancelled while compiling."""

from __future__ import annotations

import shutil
import subprocess

import psutil
import pytest

from tests.acceptance.helpers import assert_error, cancel, failed_job, succeeded_job, temporary_report, wait_until
from tests.acceptance.test_cancel_and_events import child_of

IMPORT = '#import "report.typ": *\n'
#: Endless with the 300 rows of a run, but not with the 50 of the check that precedes it.
ENDLESS = IMPORT + "#if rows.len() > 50 { for a in range(100000) { for b in range(100000) {} } }"
SALES = "select region, amount from sale order by amount"


@pytest.mark.skipif(shutil.which("pdftotext") is None, reason="pdftotext is not installed (poppler-utils)")
def test_a_template_applies_to_pdf_and_not_to_csv(alice, bob):
    template = IMPORT + "Dear reader, #report.row-count sales are worth #number(totals.amount). #parameters.who"
    changes = {"query": f"{SALES} limit :most", "parameters": [{"name": "most", "type": "integer", "default": 200}]}
    template = template.replace("parameters.who", "parameters.most")
    with temporary_report(alice, template=template, formats=["pdf", "csv"], **changes) as report:
        job = succeeded_job(bob, report)
        data = bob.get(f"/jobs/{job}/result").content
        assert bob.get(f"/jobs/{succeeded_job(bob, report, format='csv')}/result").text.startswith("region,amount")
    done = subprocess.run(["pdftotext", "-", "-"], input=data, capture_output=True, check=True)
    assert " ".join(done.stdout.decode().split()) == "Dear reader, 200 sales are worth 19,900. 200"


def test_a_template_error_fails_the_job_with_its_line_and_is_not_retried(alice, bob):
    with temporary_report(
        alice, query=SALES, template=IMPORT + "\n#assert(rows.len() < 60)", formats=["pdf"]
    ) as report:
        error = bob.get(f"/jobs/{failed_job(bob, report)}").json()["errorDetails"]
    assert (error["code"], error["retryable"], error["attempts"]) == ("template_failed", False, 1)
    assert error["message"] == "Template error. Line 3, column 2: Assertion failed."


def test_a_job_is_cancelled_while_its_template_loops(server, alice, bob):
    with temporary_report(alice, query=SALES, template=ENDLESS, formats=["pdf"]) as report:
        job = bob.generate(report)
        bob.wait(job, "Running")
        compiling = wait_until(lambda: child_of(server, job).children())
        cancel(bob, job)
        assert bob.get(f"/jobs/{job}").json()["errorDetails"]["code"] == "cancelled"
    _, alive = psutil.wait_procs(compiling, timeout=30)
    assert alive == []


def test_an_invalid_template_is_refused_by_field_and_line(alice):
    answer = alice.request("PATCH", "/reports/sales-by-region", json={"template": "#unknown"})
    assert assert_error(answer, 400, "invalid_definition")["fields"] == {
        "template": ["Line 1, column 2: Unknown variable: unknown."]
    }
