"""The page that designs a report's PDF: preview with real rows, located errors, no input lost, saved as a version."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from audit.models import Action, AuditLog
from common.children.client import ChildFailed, children
from common.children.fair_queue import Caller
from reports import actions
from reports.definitions import parse_report
from reports.editing import template_page
from reports.models import DataSource, ReportConfiguration
from tests.pages.html import Page
from tests.reports.pages.edit_form import form_data, get_page, version_number

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


def submit(client: Client, command: str, template: str, **changed: str) -> Any:
    data = form_data(get_page(client, URL), "designer") | {"do": command, "template": template} | changed
    return client.post(URL, data)


def source_in(page: Page) -> str:
    """The template in the form."""
    return page.field("Template source").value.replace("\r\n", "\n")


def test_the_template_is_previewed_with_the_first_rows(browse: Browse, letter: ReportConfiguration) -> None:
    client = browse("alice")
    assert source_in(get_page(client, URL)) == TEMPLATE
    response = submit(client, "preview", TEMPLATE + "#pagebreak()\nThe end", **{"param.least": "1"})
    assert response.status_code == 200, response.content.decode()
    page = Page(response)
    pictures = page.get("region", "Preview").all("img")
    assert [picture.name for picture in pictures] == ["Page 1 of 2", "Page 2 of 2"]
    assert all(picture["src"].startswith("data:image/png;base64,iVBOR") for picture in pictures)
    assert "img-src 'self' data:" in response["Content-Security-Policy"]
    assert source_in(page).endswith("The end"), "the input is kept"
    assert version_number(letter) == 1
    entry = AuditLog.objects.get(action=Action.REPORT_PREVIEW)
    assert (entry.actor, entry.details["document"]) == ("alice", True)


def test_a_missing_font_is_reported(browse: Browse, letter: ReportConfiguration) -> None:
    response = submit(browse("alice"), "preview", f'{TEMPLATE}#text(font: "Nowhere Sans")[x]')
    assert "Line 5, column 13: Unknown font family: nowhere sans." in Page(response).get("region", "Preview").text
    assert response.status_code == 200


@pytest.mark.parametrize("command", ["preview", "save"])
def test_an_error_is_shown_with_its_line_and_no_input_is_lost(
    browse: Browse, letter: ReportConfiguration, command: str
) -> None:
    invalid = TEMPLATE.replace("row.amount", "row.amout") + "</textarea><script>alert(1)</script>\n"
    response = submit(browse("alice"), command, invalid, **{"param.least": "70"})
    assert response.status_code == 200
    page = Page(response)
    errors = page.by_id("template-errors")
    assert errors.role == "alert"
    assert "Template error. Nothing was saved." in errors.text
    assert 'Line 4, column 37: Dictionary does not contain key "amout".' in errors.text
    assert errors.tag.find(class_="error-line").get_text() == "4#for row in rows [#row.region: #row.amout]"
    assert page.field("Template source").is_invalid
    assert page.field("Template source").tag.parent["data-error-lines"] == "4", "for the line numbers"
    assert source_in(page) == invalid
    assert "alert(1)" not in "".join(script.get_text() for script in page.tag.find_all("script"))
    assert page.field("At least optional").value == "70"
    assert version_number(letter) == 1


def test_an_invalid_value_is_refused_beside_its_field(browse: Browse, letter: ReportConfiguration) -> None:
    response = submit(browse("alice"), "preview", TEMPLATE, **{"param.least": "many"})
    assert response.status_code == 200
    assert "Must be a whole number, not the text “many”." in Page(response).field("At least optional").description


def test_saving_makes_a_version_and_an_empty_template_restores_the_table(
    browse: Browse, letter: ReportConfiguration
) -> None:
    client = browse("alice")
    assert submit(client, "save", TEMPLATE).status_code == 302
    assert version_number(letter) == 1, "nothing has changed"
    changed = f"{TEMPLATE}Yours"
    response = submit(client, "save", changed.replace("\n", "\r\n"))
    assert "Saved as version 2." in get_page(client, response["Location"]).by_id("notices").text
    assert (version_number(letter), letter.version.options["template"]) == (2, changed)
    assert letter.version.created_by == "alice"
    entry = AuditLog.objects.filter(action=Action.REPORT_UPDATE).first()
    assert entry and entry.details == {"report": "letter", "version": 2, "changed": ["template"]}
    assert submit(client, "save", " \n").status_code == 302
    assert (version_number(letter), "template" in letter.version.options) == (3, False)
    page = get_page(client, URL)
    assert "The report's PDF is a plain table." in page.text and source_in(page) == template_page.STARTER


def test_the_starter_template_compiles(browse: Browse, letter: ReportConfiguration) -> None:
    response = submit(browse("alice"), "preview", template_page.STARTER)
    assert response.status_code == 200
    assert Page(response).has("img", "Page 1 of 2") or Page(response).has("img", "Page 1 of 1")


def test_another_users_change_is_not_overwritten_unseen(browse: Browse, letter: ReportConfiguration) -> None:
    client = browse("alice")
    data = form_data(get_page(client, URL), "designer") | {"do": "save", "template": f"{TEMPLATE}mine"}
    actions.patch_report(report=letter, patch={"name": "Another name"}, actor="tester")
    response = client.post(URL, data)
    assert response.status_code == 200
    page = Page(response)
    assert "changed the report" in page.by_id("refused").text and source_in(page).endswith("mine")
    assert client.post(URL, form_data(page, "designer") | {"do": "save"}).status_code == 302
    letter.refresh_from_db()
    assert (letter.version.name, letter.version.options["template"][-4:]) == ("Another name", "mine")


def test_a_report_without_pdf_cannot_have_a_template(browse: Browse, letter: ReportConfiguration) -> None:
    actions.patch_report(report=letter, patch={"formats": ["csv"], "template": None}, actor="tester")
    response = submit(browse("alice"), "save", TEMPLATE)
    assert response.status_code == 200
    assert "A template designs the pdf. Add pdf to the formats." in Page(response).text


def test_without_the_data_source_the_syntax_is_still_checked(browse: Browse, letter: ReportConfiguration) -> None:
    DataSource.objects.update(location="/nowhere.db")
    response = submit(browse("alice"), "preview", "#let = 3")
    assert response.status_code == 200
    page = Page(response)
    assert "Line 1, column 5: Expected pattern." in page.by_id("template-errors").text
    assert "data source" in page.by_id("refused").text


def test_the_number_of_simultaneous_previews_is_limited(browse: Browse, letter: ReportConfiguration) -> None:
    with ExitStack() as others:
        with pytest.raises(ChildFailed):
            # Calls of others occupy all threads that dry runs may have.
            for number in range(100):
                others.enter_context(children.admitted(Caller(str(number), "other")))
        page = Page(submit(browse("alice"), "preview", TEMPLATE))
    assert "Try again in a few seconds." in page.by_id("refused").text
    assert source_in(page) == TEMPLATE


def test_an_endless_template_is_stopped(browse: Browse, letter: ReportConfiguration, settings: Settings) -> None:
    settings.DOCUMENT_PREVIEW_SECONDS = 1
    response = submit(browse("alice"), "preview", "#for a in range(100000) { for b in range(100000) {} }")
    assert response.status_code == 200
    assert "within 1 second" in Page(response).by_id("refused").text


@pytest.mark.parametrize(("name", "status"), [("bob", 403), ("carol", 403), ("gina", 404)])
def test_only_administrators_of_the_tenant_can_design(
    browse: Browse, letter: ReportConfiguration, name: str, status: int
) -> None:
    client = browse(name)
    assert client.get(URL).status_code == client.post(URL, {"do": "preview"}).status_code == status


def test_the_pages_of_the_report_link_to_its_design(browse: Browse, letter: ReportConfiguration) -> None:
    client = browse("alice")
    for path in ("/reports/letter", "/reports/letter/edit"):
        assert get_page(client, path).get("link", "Design")["href"] == URL


def test_superusers_reach_the_page_by_the_reports_id(root: Client, letter: ReportConfiguration) -> None:
    page = get_page(root, f"/reports/{letter.pk}/template")
    assert page.get("link", "A letter")["href"] == f"/reports/{letter.pk}"
