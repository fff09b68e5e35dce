"""Designed documents as jobs: made, failed with the template's line, cancelled while the template is compiled."""

from __future__ import annotations

import shutil
import subprocess

import psutil
import pytest

from tests.acceptance.helpers import cancel, failed_job, own_report, refused, succeeded_job, until
from tests.acceptance.test_cancel_and_events import child_of

IMPORT = '#import "report.typ": *\n'
#: With the 300 rows of a run, and not with the 50 of the check before it.
ENDLESS = IMPORT + "#if rows.len() > 50 { for a in range(100000) { for b in range(100000) {} } }"
SALES = "select region, amount from sale order by amount"


@pytest.mark.skipif(shutil.which("pdftotext") is None, reason="pdftotext is not installed (poppler-utils)")
def test_a_pdf_is_designed_by_its_template_and_csv_is_not(alice, bob):
    template = IMPORT + "Dear reader, #report.row-count sales are worth #number(totals.amount). #parameters.who"
    changes = {"query": f"{SALES} limit :most", "parameters": [{"name": "most", "type": "integer", "default": 200}]}
    template = template.replace("parameters.who", "parameters.most")
    with own_report(alice, template=template, formats=["pdf", "csv"], **changes) as report:
        job = succeeded_job(bob, report)
        data = bob.get(f"/jobs/{job}/result").content
        assert bob.get(f"/jobs/{succeeded_job(bob, report, format='csv')}/result").text.startswith("region,amount")
    done = subprocess.run(["pdftotext", "-", "-"], input=data, capture_output=True, check=True)
    assert " ".join(done.stdout.decode().split()) == "Dear reader, 200 sales are worth 19,900. 200"


def test_a_template_that_fails_with_the_rows_fails_the_job_for_good_with_its_line(alice, bob):
    with own_report(alice, query=SALES, template=IMPORT + "\n#assert(rows.len() < 60)", formats=["pdf"]) as report:
        error = bob.get(f"/jobs/{failed_job(bob, report)}").json()["errorDetails"]
    assert (error["code"], error["retryable"], error["attempts"]) == ("template_failed", False, 1)
    assert error["message"] == "Template error. Line 3, column 2: Assertion failed."


def test_a_job_is_cancelled_while_its_template_goes_round_in_circles(server, alice, bob):
    with own_report(alice, query=SALES, template=ENDLESS, formats=["pdf"]) as report:
        job = bob.generate(report)
        bob.wait(job, "Running")
        compiling = until(lambda: child_of(server, job).children())
        cancel(bob, job)
        assert bob.get(f"/jobs/{job}").json()["errorDetails"]["code"] == "cancelled"
    _, alive = psutil.wait_procs(compiling, timeout=30)
    assert alive == []


def test_a_faulty_template_is_refused_by_field_and_line(alice):
    answer = alice.request("PATCH", "/reports/sales-by-region", json={"template": "#unknown"})
    assert refused(answer, 400, "invalid_definition")["fields"] == {
        "template": ["Line 1, column 2: Unknown variable: unknown."]
    }
