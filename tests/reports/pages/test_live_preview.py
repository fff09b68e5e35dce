"""The live preview of the editor: the document of what is in the form, where nothing in it can run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.test import Client

from audit.models import AuditLog
from reports import actions
from reports.models import ReportConfiguration
from tests.pages.html import Page
from tests.reports.pages.edit_form import as_yaml, edit_form, submit, version_number

Browse = Callable[[str], Client]


def document_in(response: Any) -> Page:
    """Return the document in the frame of the preview."""
    frame = Page(response).tag.find("iframe")
    assert frame, Page(response).text
    assert "sandbox" in frame.attrs and not frame["sandbox"], "no script, no form, no popup"
    return Page(str(frame["srcdoc"]))


def test_the_document_of_the_form_is_shown_where_nothing_can_run(browse: Browse, small: ReportConfiguration) -> None:
    client = browse("alice")
    columns = 'amount: {label: "A <script>alert(1)</script>", format: "0.00", highlight: [{when: "> 5", as: bad}]}'
    data = edit_form(client, "small") | as_yaml("columns", columns) | {"locale": ["de"], "param.least": ["4"]}
    response = submit(client, data | {"name": ["Unsaved"]}, "preview")
    document = document_in(response)
    assert document.get("heading", "Unsaved")
    rows = document.tag.select(".rows tbody tr")
    assert len(rows) == 50
    assert "4,00" in rows[0].get_text()
    assert "A <script>alert(1)</script>" in document.text, "a label, and no element"
    assert "This is a preview of the first 50 rows." in document.text
    assert not document.tag.find("script")
    policy = response["Content-Security-Policy"]
    assert policy.startswith("sandbox allow-same-origin; default-src 'none';")
    assert "frame-ancestors 'self'" in policy and "script-src" not in policy
    assert response["X-Frame-Options"] == "SAMEORIGIN"
    assert version_number(small) == 1
    entry = AuditLog.objects.first()
    assert entry and (entry.action, entry.details["document"]) == ("Report Preview", True)


def test_only_the_pages_with_the_form_may_show_frames(browse: Browse, small: ReportConfiguration) -> None:
    client = browse("alice")
    for path in ("/reports/small/edit", "/reports/small/duplicate", "/reports/new"):
        assert "frame-src 'self'" in client.get(path)["Content-Security-Policy"], path
    assert "frame-src" not in client.get("/reports/small")["Content-Security-Policy"]
    assert browse("bob").post("/reports/small/edit", {"do": "preview"}).status_code == 403
    signed_out = Client().post("/reports/small/edit", {"do": "preview"})
    assert "You are signed out." in Page(signed_out).text


def test_sections_have_their_first_rows_each(browse: Browse, small: ReportConfiguration) -> None:
    client = browse("alice")
    sections = (
        "- {name: all, query: select amount from sale}\n"
        "- {name: few, title: A few, query: select region from sale where amount < :least}"
    )
    data = edit_form(client, "small") | {"query": [""]} | as_yaml("sections", sections)
    document = document_in(submit(client, data, "preview"))
    counts = [len(table.select("tbody tr")) for table in document.tag.select("table.rows")]
    assert counts == [50, 3]
    assert document.get("heading", "A few")


def test_what_is_wrong_is_said_in_place_of_the_document(browse: Browse, small: ReportConfiguration) -> None:
    client = browse("alice")
    data = edit_form(client, "small")
    told = {
        "Name: Must not be empty.": {"name": [""]},
        "At least: Must be a whole number": {"param.least": ["x"]},
        "no such table": {"query": ["select 1 from nowhere where :least"]},
        "The query has no column nothing.": as_yaml("totals", "columns: {nothing: sum}"),
    }
    for sentence, changed in told.items():
        page = Page(submit(client, data | changed, "preview"))
        assert not page.tag.find("iframe"), sentence
        assert sentence in page.text


def test_errors_of_the_template_are_shown_with_their_lines(browse: Browse, small: ReportConfiguration) -> None:
    template = '#import "report.typ": *\n= A letter\n#rows.first().amount\n'
    actions.patch_report(report=small, patch={"template": template, "formats": ["pdf"]}, actor="tester")
    client = browse("alice")
    data = edit_form(client, "small") | {"query": ["select region from sale where :least < 5"]}
    page = Page(submit(client, data, "preview"))
    assert "The template of the PDF fails:" in page.text
    (line,) = page.tag.select(".error-line")
    assert "#rows.first().amount" in line.get_text()
    assert page.tag.find("iframe"), "the html has no template"
