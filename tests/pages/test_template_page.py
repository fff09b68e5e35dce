"""The page of a report's template: a preview with real rows, faults by line, nothing lost, saved as a version."""

from __future__ import annotations

import re
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from audit.models import Action, AuditLog
from reports import actions
from reports.definitions import parse_report
from reports.editing import template_page
from reports.models import DataSource, ReportConfiguration
from tests.pages.forms import sent_back

Browse = Callable[[str], Client]
URL = "/reports/letter/template"
TEMPLATE = '#import "report.typ": *\n\n= #report.name\n#for row in rows [#row.region: #row.amount]\n'


@pytest.fixture
def letter(tmp_path: Path, people: dict[str, User]) -> ReportConfiguration:
    with sqlite3.connect(tmp_path / "sales.db") as database:
        database.execute("create table sale (region text, amount integer)")
        database.executemany("insert into sale values (?, ?)", [("<north>", i) for i in range(80)])
    database.close()
    tenant = people["alice"].tenant
    DataSource.objects.create(tenant=tenant, slug="sales", kind="sqlite", location=str(tmp_path / "sales.db"))
    entry = {
        "slug": "letter", "tenant": "acme", "name": "A letter", "data_source": "sales", "formats": ["pdf", "csv"],
        "query": "select region, amount from sale where amount >= :least", "template": TEMPLATE,
        "parameters": [{"name": "least", "type": "integer", "required": True, "label": "At least"}],
    }  # fmt: skip
    return actions.create_report(definition=parse_report(entry), tenant=tenant, actor="tester")


def press(client: Client, do: str, template: str, **more: str) -> Any:
    data = sent_back(client.get(URL).content.decode(), "designer") | {"do": do, "template": template} | more
    return client.post(URL, data)


def text_in(page: str) -> str:
    found = sent_back(page, "designer")["template"][0]
    return found.replace("\r\n", "\n")


def version(report: ReportConfiguration) -> int:
    report.refresh_from_db()
    return report.version.number


def test_the_template_is_shown_and_previewed_with_the_first_rows(browse: Browse, letter: ReportConfiguration) -> None:
    client = browse("alice")
    assert text_in(client.get(URL).content.decode()) == TEMPLATE
    answer = press(client, "preview", TEMPLATE + "#pagebreak()\nThe end", **{"param.least": "1"})
    page = answer.content.decode()
    assert answer.status_code == 200, page
    assert re.findall(r'alt="(Page \d of \d)"', page) == ["Page 1 of 2", "Page 2 of 2"]
    assert page.count('src="data:image/png;base64,iVBOR') == 2
    assert "img-src 'self' data:" in answer["Content-Security-Policy"]
    assert text_in(page).endswith("The end"), "what was written stays"
    assert version(letter) == 1
    entry = AuditLog.objects.get(action=Action.REPORT_PREVIEW)
    assert (entry.actor, entry.details["document"]) == ("alice", True)


def test_a_font_that_is_not_there_is_told(browse: Browse, letter: ReportConfiguration) -> None:
    answer = press(browse("alice"), "preview", f'{TEMPLATE}#text(font: "Nowhere Sans")[x]')
    assert "Line 5, column 13: Unknown font family: nowhere sans." in answer.content.decode()
    assert answer.status_code == 200


def test_a_fault_is_shown_with_its_line_and_nothing_is_lost(browse: Browse, letter: ReportConfiguration) -> None:
    wrong = TEMPLATE.replace("row.amount", "row.amout") + "</textarea><script>alert(1)</script>\n"
    for do in ("preview", "save"):
        answer = press(browse("alice"), do, wrong, **{"param.least": "70"})
        page = answer.content.decode()
        assert answer.status_code == 200
        assert "Line 4, column 37: Dictionary does not contain key &quot;amout&quot;." in page
        assert re.search(r'<span class="error-line"><i>4</i>#for row in rows \[#row.region: #row.amout\]</span>', page)
        assert 'data-faults="4"' in page
        assert text_in(page) == wrong
        assert "<script>alert" not in page
        assert sent_back(page, "designer")["param.least"] == ["70"]
    assert version(letter) == 1


def test_a_value_that_is_none_is_refused_beside_its_field(browse: Browse, letter: ReportConfiguration) -> None:
    answer = press(browse("alice"), "preview", TEMPLATE, **{"param.least": "many"})
    assert answer.status_code == 200
    assert "Must be a whole number, not the text “many”." in answer.content.decode()


def test_saving_makes_a_version_and_an_empty_text_gives_the_table_back(
    browse: Browse, letter: ReportConfiguration
) -> None:
    client = browse("alice")
    assert press(client, "save", TEMPLATE).status_code == 302
    assert version(letter) == 1, "nothing was changed"
    changed = f"{TEMPLATE}Yours"
    answer = press(client, "save", changed.replace("\n", "\r\n"))
    assert "Saved as version 2." in client.get(answer["Location"]).content.decode()
    assert (version(letter), letter.version.options["template"]) == (2, changed)
    assert letter.version.created_by == "alice"
    entry = AuditLog.objects.filter(action=Action.REPORT_UPDATE).first()
    assert entry and entry.details == {"report": "letter", "version": 2, "changed": ["template"]}
    assert press(client, "save", " \n").status_code == 302
    assert (version(letter), "template" in letter.version.options) == (3, False)
    page = client.get(URL).content.decode()
    assert "is a table now" in page and text_in(page) == template_page.STARTER


def test_the_template_to_begin_with_works(browse: Browse, letter: ReportConfiguration) -> None:
    assert press(browse("alice"), "preview", template_page.STARTER).status_code == 200


def test_somebody_elses_change_is_not_overwritten_unseen(browse: Browse, letter: ReportConfiguration) -> None:
    client = browse("alice")
    data = sent_back(client.get(URL).content.decode(), "designer") | {"do": "save", "template": f"{TEMPLATE}mine"}
    actions.patch_report(report=letter, patch={"name": "Another name"}, actor="tester")
    answer = client.post(URL, data)
    assert answer.status_code == 200
    page = answer.content.decode()
    assert "Somebody else changed the report" in page and text_in(page).endswith("mine")
    again = sent_back(page, "designer") | {"do": "save"}
    assert client.post(URL, again).status_code == 302
    letter.refresh_from_db()
    assert (letter.version.name, letter.version.options["template"][-4:]) == ("Another name", "mine")


def test_a_report_without_pdf_cannot_have_one(browse: Browse, letter: ReportConfiguration) -> None:
    actions.patch_report(report=letter, patch={"formats": ["csv"], "template": None}, actor="tester")
    answer = press(browse("alice"), "save", TEMPLATE)
    assert answer.status_code == 200
    assert "A template designs the pdf. Add pdf to the formats." in answer.content.decode()


def test_a_source_that_does_not_answer_is_told_and_the_syntax_still_looked_at(
    browse: Browse, letter: ReportConfiguration
) -> None:
    DataSource.objects.update(location="/nowhere.db")
    answer = press(browse("alice"), "preview", "#let = 3")
    page = answer.content.decode()
    assert answer.status_code == 200
    assert "Line 1, column 5: Expected pattern." in page
    assert "data source" in page


def test_no_more_previews_at_once_than_the_server_bears(
    browse: Browse, letter: ReportConfiguration, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = threading.BoundedSemaphore(1)
    taken.acquire()
    monkeypatch.setattr("reports.dry_run.document_preview._SLOTS", taken)
    monkeypatch.setattr("reports.dry_run.document_preview._WAIT_SECONDS", 0.1)
    answer = press(browse("alice"), "preview", TEMPLATE)
    assert "Try again in a few seconds." in answer.content.decode()
    assert text_in(answer.content.decode()) == TEMPLATE


def test_a_template_that_does_not_end_is_ended(
    browse: Browse, letter: ReportConfiguration, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reports.dry_run.document_preview._SECONDS", 1)
    answer = press(browse("alice"), "preview", "#for a in range(100000) { for b in range(100000) {} }")
    assert answer.status_code == 200
    assert "was not finished within 1 seconds" in answer.content.decode()


@pytest.mark.parametrize(("who", "status"), [("bob", 403), ("carol", 403), ("gina", 404)])
def test_only_administrators_of_the_tenant_design(
    browse: Browse, letter: ReportConfiguration, who: str, status: int
) -> None:
    client = browse(who)
    assert client.get(URL).status_code == client.post(URL, {"do": "preview"}).status_code == status


def test_the_reports_page_leads_there(browse: Browse, letter: ReportConfiguration) -> None:
    assert f'href="{URL}"' in browse("alice").get("/reports/letter").content.decode()
    assert f'href="{URL}"' in browse("alice").get("/reports/letter/edit").content.decode()


def test_a_superuser_designs_by_the_id(root: Client, letter: ReportConfiguration) -> None:
    answer = root.get(f"/reports/{letter.pk}/template")
    assert answer.status_code == 200
    assert f'href="/reports/{letter.pk}"' in answer.content.decode()
