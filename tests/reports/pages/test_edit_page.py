"""The page that edits a report: no input is lost, all errors are shown at once, and saving makes a version."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from audit.models import AuditLog
from jobs.actions import submit as submit_job
from jobs.models import JobExecutionLog
from reports import actions
from reports.definitions import ParameterDefinition, ReportDefinition, parse_report
from reports.definitions.from_database import DELIVERY_DEFINITIONS
from reports.models import DataSource, ReportConfiguration
from tests.pages.html import Page
from tests.reports.deleted_sources import delete_source
from tests.reports.pages.edit_form import as_yaml, current_entry, edit_form, form_data, get_page, submit, version_number
from tests.reports.pages.full_report import FULL_REPORT

Browse = Callable[[str], Client]


def test_the_full_report_sets_every_field() -> None:
    definition = parse_report(FULL_REPORT)
    for name, info in ReportDefinition.model_fields.items():
        if name == "sections":
            continue  # They exclude the query and more.
        assert name in FULL_REPORT, name
        is_default = getattr(definition, name) == info.get_default(call_default_factory=True)
        assert info.is_required() or not is_default, name
    assert {key for parameter in FULL_REPORT["parameters"] for key in parameter} == set(
        ParameterDefinition.model_fields
    )
    assert {target["kind"] for target in FULL_REPORT["delivery"]} == set(DELIVERY_DEFINITIONS)


# --- Saving ---------------------------------------------------------------------------------------------------------


def test_a_form_that_is_submitted_unchanged_changes_nothing(browse: Browse, full: ReportConfiguration) -> None:
    client = browse("alice")
    response = submit(client, edit_form(client, "full"), "save", "full")
    assert response.status_code == 302, response.content.decode()
    assert "No changes to save." in get_page(client, response["Location"]).by_id("notices").text
    assert version_number(full) == 1


def test_sections_are_checked_and_saved_in_place_of_the_query(browse: Browse, small: ReportConfiguration) -> None:
    client = browse("alice")
    sections = "- {name: few, title: A few, query: select region from sale where amount < :least}"
    both = edit_form(client, "small") | as_yaml("sections", sections)
    page = Page(submit(client, both, "save"))
    summary = page.by_id("error-summary")
    assert page.by_id(summary.get("link", "Query")["href"].removeprefix("#")).is_invalid
    alone = both | {"query": [""]}
    page = Page(submit(client, alone | {"sections": ["- {name: few}"]}, "save"))
    assert "[0].query: This field is required." in page.by_id("edit-sections").description
    page = Page(submit(client, alone, "check"))
    assert page.get("heading", "A few") and "north" in page.by_id("check").text
    assert submit(client, alone, "save").status_code == 302
    assert version_number(small) == 2
    assert submit(client, edit_form(client, "small"), "save").status_code == 302
    assert version_number(small) == 2, "the stored sections are in the form unchanged"


def test_line_ends_that_browsers_write_are_no_change(browse: Browse, small: ReportConfiguration) -> None:
    patch = {"query": "select 1\r\nwhere :least", "description": "One\r\ntwo\n"}
    actions.patch_report(report=small, patch=patch, actor="tester")
    client = browse("alice")
    submit(client, edit_form(client, "small"), "save")
    assert version_number(small) == 2


def test_only_the_changed_field_changes(browse: Browse, full: ReportConfiguration) -> None:
    client = browse("alice")
    before = current_entry(full)
    assert submit(client, edit_form(client, "full"), "save", "full", retention_days="8").status_code == 302
    assert current_entry(full) == before | {"retention_days": 8}
    assert full.version.created_by == "alice"
    entry = AuditLog.objects.first()
    assert entry
    assert (entry.actor, entry.action) == ("alice", "Report Update")
    assert entry.details == {"report": "full", "version": 2, "changed": ["retention_days"]}


def test_only_administrators_of_the_tenant_can_edit(browse: Browse, small: ReportConfiguration) -> None:
    for path in ("edit", "versions", "delete"):
        codes = {name: browse(name).get(f"/reports/small/{path}").status_code for name in ("alice", "bob", "gina")}
        assert codes == {"alice": 200, "bob": 403, "gina": 404}, path
    assert browse("bob").get("/reports/new").status_code == 403
    assert browse("bob").post("/reports/small/edit", {"do": "save"}).status_code == 403
    assert browse("bob").post("/reports/small/delete").status_code == 403
    assert browse("gina").post("/reports/small/versions/1/restore").status_code == 404
    assert browse("bob").post("/reports/small/versions/1/restore").status_code == 403
    assert Client().get("/reports/small/edit").status_code == 302
    assert version_number(small) == 1


def test_yaml_is_saved(browse: Browse, small: ReportConfiguration) -> None:
    client = browse("alice")
    data = edit_form(client, "small") | as_yaml("totals", "columns:\n  amount: sum # of all")
    assert submit(client, data, "save").status_code == 302
    assert current_entry(small)["totals"]["columns"] == {"amount": "sum"}
    assert submit(client, edit_form(client, "small") | as_yaml("totals", ""), "save").status_code == 302
    assert current_entry(small)["totals"] is None


def test_access_is_granted_and_revoked(browse: Browse, small: ReportConfiguration) -> None:
    client = browse("alice")
    data = edit_form(client, "small") | {"grants[0].holder": ["user:bob"], "grants[1].holder": ["readers"]}
    data.pop("grants[1].generate")
    assert submit(client, data, "save").status_code == 302
    assert current_entry(small)["grants"] == {"generate": ["user:bob"], "view": ["readers", "user:bob"]}
    assert version_number(small) == 1, "grants don't belong to a version"
    data = edit_form(client, "small")
    data.pop("grants[0].view")
    assert submit(client, data, "save").status_code == 302
    assert current_entry(small)["grants"]["view"] == ["readers"]
    assert "Saved. The version number didn't change." in get_page(client, "/reports/small").text


def test_a_report_is_created(browse: Browse, source: DataSource) -> None:
    client = browse("alice")
    data = form_data(get_page(client, "/reports/new"))
    assert data["delivery[0].mode"] == ["asynchronous"]
    assert data["formats"] == data["formats.first"] == ["csv"]
    assert client.post("/reports/new", {**data, "do": "save"}).status_code == 200
    data |= {"name": ["All of the sales"], "query": ["select * from sale"], "data_source": ["sales"]}
    data |= {"formats": ["csv", "json"], "formats.first": ["json"], "grants[0].holder": ["user:bob"]}
    checked = Page(client.post("/reports/new", {**data, "do": "check"}))
    assert "Query is valid: 3 columns" in checked.by_id("check-result").text
    response = client.post("/reports/new", {**data, "do": "save"})
    assert (response.status_code, response["Location"]) == (302, "/reports/all-of-the-sales")
    assert "“All of the sales” was created." in get_page(client, response["Location"]).text
    report = ReportConfiguration.objects.get(slug="all-of-the-sales")
    assert report.version.formats == ["json", "csv"]
    again = client.post("/reports/new", {**data, "do": "save"})
    assert again.status_code == 200
    assert "Another report already has this slug." in Page(again).field("URL name").description
    reserved = client.post("/reports/new", {**data, "slug": "new", "do": "save"})
    assert "This name is reserved. Choose another." in Page(reserved).field("URL name").description


def test_a_superuser_chooses_the_tenant_of_a_new_report(root: Client, source: DataSource) -> None:
    tenant = get_page(root, "/reports/new").get("link", "Acme Inc.")
    assert tenant["href"] == "?tenant=acme"
    data = form_data(get_page(root, "/reports/new?tenant=acme"))
    data |= {"name": ["R"], "query": ["select 1"], "data_source": ["sales"]}
    response = root.post("/reports/new?tenant=acme", {**data, "formats": ["csv"], "do": "save"})
    report = ReportConfiguration.objects.get()
    assert (response.status_code, response["Location"]) == (302, f"/reports/{report.pk}")
    assert report.tenant == source.tenant
    assert root.get(f"/reports/{report.pk}/edit").status_code == 200


def test_a_report_whose_data_source_was_deleted_can_get_another(browse: Browse, small: ReportConfiguration) -> None:
    client = browse("alice")
    DataSource.objects.create(tenant=small.tenant, slug="other", kind="sqlite", location="/other.db")
    delete_source("sales")
    data = edit_form(client, "small")
    assert data["data_source"] == [""]
    assert submit(client, data, "save", name="N").status_code == 200
    assert submit(client, data, "save", data_source="other").status_code == 302


def test_a_report_is_deleted_after_confirmation(browse: Browse, small: ReportConfiguration) -> None:
    client = browse("alice")
    assert get_page(client, "/reports/small/delete").get("heading", "Delete “Small”?")
    assert client.post("/reports/small/delete")["Location"] == "/reports"
    assert "“Small” was deleted." in get_page(client, "/reports").text
    assert not ReportConfiguration.objects.filter(slug="small").exists()
    assert client.get("/reports/small/edit").status_code == 404


def test_a_form_with_a_hundred_parameters_is_saved(browse: Browse, small: ReportConfiguration) -> None:
    names = [f"p{number}" for number in range(100)]
    parameters = [{"name": name, "type": "string"} for name in names]
    query = "select " + ", ".join(f":{name} as {name}" for name in names)
    actions.patch_report(report=small, patch={"parameters": parameters, "query": query}, actor="tester")
    client = browse("alice")
    assert submit(client, edit_form(client, "small"), "save", name="Long").status_code == 302


# --- Rows -----------------------------------------------------------------------------------------------------------


def test_rows_are_added_moved_and_removed_and_input_is_kept(browse: Browse, small: ReportConfiguration) -> None:
    client = browse("alice")
    data = edit_form(client, "small") | {"name": ["Half a na"], "max_rows": ["many"], "csv.delimiter": [";"]}
    data = form_data(submit(client, data, "add parameters"))
    assert data["parameters"] == ["0", "1"]
    assert (data["name"], data["max_rows"], data["csv.delimiter"]) == (["Half a na"], ["many"], [";"])
    data |= {"parameters[1].name": ["first"], "parameters[1].default": ["x"]}
    data = form_data(submit(client, data, "up parameters 1"))
    assert [data[f"parameters[{row}].name"] for row in (0, 1)] == [["first"], ["least"]]
    data = form_data(submit(client, data, "remove parameters 1"))
    assert data["parameters"] == ["0"]
    assert data["parameters[0].default"] == ["x"]
    data = form_data(submit(client, data | {"delivery.new": ["email"]}, "add delivery"))
    assert data["delivery[1].kind"] == ["email"]
    assert version_number(small) == 1


@pytest.mark.parametrize(
    "command", ["remove parameters 9", "up parameters 0", "remove", "up delivery x", "add nothing", ""]
)
def test_an_invalid_command_changes_nothing(browse: Browse, small: ReportConfiguration, command: str) -> None:
    client = browse("alice")
    data = edit_form(client, "small")
    response = submit(client, data, command)
    assert response.status_code == 200
    # The first two are made anew for each page; the tab is that of the button.
    of_the_page = {name: data[name] for name in ("csrfmiddlewaretoken", "form_owner", "tab")}
    assert form_data(response) | of_the_page == data


# --- Errors ---------------------------------------------------------------------------------------------------------


def test_all_errors_are_shown_at_once_beside_their_fields(browse: Browse, small: ReportConfiguration) -> None:
    client = browse("alice")
    invalid = form_data(submit(client, edit_form(client, "small") | {"delivery.new": ["email"]}, "add delivery")) | {
        "slug": ["not good!"], "name": [""], "timeout_seconds": ["soon"], "parameters[0].minimum": ["a"],
        "delivery[1].to": ["x@example.com\nnobody"], "grants[0].holder": ["user:nobody"], "grants[1].holder": [" "],
        "formats": ["csv", "exe"], "retention_days": ["0"],
    }  # fmt: skip
    response = submit(client, invalid, "save")
    assert response.status_code == 200
    page = Page(response)
    sentences = {
        "URL name": "Use letters, digits, - and _ only.",
        "Name": "Must not be empty.",
        "Time limit (seconds)": "Must be a whole number.",
        "Parameter 1: Minimum": "Must be a whole number, not the text “a”.",
        "Delivery 2: To": "Line 2: Must be an e-mail address.",
        "Access, user:nobody": "User nobody does not exist in this tenant.",
        "Formats": "Must be one of: pdf, csv, xlsx, json, ndjson, parquet, html.",
        "Result retention (days)": "Must be 1 or more.",
    }
    summary = page.by_id("error-summary")
    assert "Nothing was saved." in summary.text
    for title, sentence in sentences.items():
        field = page.by_id(summary.get("link", title)["href"].removeprefix("#"))
        assert sentence in field.description, title
        assert field.is_invalid or field.role == "group", title
    data = form_data(page)
    assert data["slug"] == ["not good!"]
    assert data["timeout_seconds"] == ["soon"]
    assert data["delivery[1].to"] == ["x@example.com\r\nnobody"]
    assert data["grants[0].holder"] == ["user:nobody"]
    assert version_number(small) == 1


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [("maximum", "1", "Must not be below minimum, which is 5."), ("choices", "4\n5", "“4”: Must be 5 or more.")],
)
def test_a_limit_that_contradicts_another_field_is_an_error(
    browse: Browse, small: ReportConfiguration, field: str, value: str, sentence: str
) -> None:
    client = browse("alice")
    data = edit_form(client, "small") | {"parameters[0].default": [""], "parameters[0].minimum": ["5"]}
    page = Page(submit(client, data | {f"parameters[0].{field}": [value]}, "save"))
    assert sentence in page.get("group", "Parameter 1").field(field.capitalize()).description
    assert version_number(small) == 1


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("group_by: [a\ncolumns: {}", "Line 2: Not YAML"),
        ("group_by:\n  - a\n  - a\ncolumns:\n  b: sum", "Line 3: group_by[1]: Duplicate of an earlier entry"),
        ("columns:\n  a: mean", "Line 2: columns.a: Must be one of: sum, average, min, max, count."),
        ("just words", "Must be a mapping of fields to values."),
    ],
)
def test_invalid_yaml_is_reported_with_its_line_and_kept(
    browse: Browse, small: ReportConfiguration, text: str, sentence: str
) -> None:
    client = browse("alice")
    page = Page(submit(client, edit_form(client, "small") | as_yaml("totals", text), "save"))
    assert sentence in page.field("Totals YAML").description
    data = form_data(page)
    assert data["totals"] == [text.replace("\n", "\r\n")]
    data = form_data(submit(client, data, "add parameters"))
    assert "totals" in data


def test_an_error_in_a_field_of_another_page_is_shown_too(browse: Browse, full: ReportConfiguration) -> None:
    client = browse("alice")
    data = edit_form(client, "full")
    assert "template" not in data
    page = Page(submit(client, data, "save", "full", formats=["csv"]))
    assert "Add pdf to the formats" in page.field("Formats").description


def test_a_query_that_does_not_match_its_parameters_is_reported_with_other_errors(
    browse: Browse, small: ReportConfiguration
) -> None:
    client = browse("alice")
    page = Page(submit(client, edit_form(client, "small"), "save", query="select :other", retention_days="0"))
    assert ":other isn't defined. Add it as a parameter." in page.field("Query").description
    assert "The query doesn't use :least." in page.get("group", "Parameter 1").field("Name").description
    assert "Must be 1 or more." in page.field("Result retention (days)").description


# --- Checking -------------------------------------------------------------------------------------------------------


def test_a_check_shows_columns_formats_and_rows_for_the_test_values(browse: Browse, small: ReportConfiguration) -> None:
    client = browse("alice")
    now = timezone.now()
    job = submit_job(report=small, actor=User.objects.get(username="alice"), parameters={}).job
    ended = {"status": "Succeeded", "started_at": now, "ended_at": now + timedelta(seconds=4)}
    JobExecutionLog.objects.filter(pk=job.pk).update(rows=7, attempt=1, fence=1, **ended)
    data = edit_form(client, "small")
    assert data["param.least"] == ["3"]
    page = Page(submit(client, data, "check", **{"param.least": "78"}))
    result = page.by_id("check-result").text
    assert "Query is valid: 2 columns" in result
    assert "All formats supported." in result
    assert "The only run so far took 4.0 s and returned 7 rows." in result
    assert "Query is valid: 2 columns" in page.by_id("check-status").text, "screen readers announce it"
    rows = page.get("table", "First rows").all("row")[1:]
    assert [row.text for row in rows] == ["north 78", "north 79"]
    entry = AuditLog.objects.first()
    assert entry
    assert (entry.actor, entry.action) == ("alice", "Report Preview")
    page = Page(submit(client, data, "check", **{"param.least": "x"}))
    value = page.get("region", "Check and preview").field("At least")
    assert "Must be a whole number, not the text “x”." in value.description
    page = Page(submit(client, data, "check", query="select 1 from nowhere where :least"))
    assert "no such table" in page.by_id("check-result").text
    assert version_number(small) == 1


# --- Conflicts ------------------------------------------------------------------------------------------------------


def test_an_edit_of_an_outdated_report_is_refused_and_compared(browse: Browse, small: ReportConfiguration) -> None:
    client = browse("alice")
    mine = edit_form(client, "small") | {"name": ["Mine"]}
    actions.patch_report(report=small, patch={"retention_days": 9, "query": "select 1 as a\nwhere :least"}, actor="eve")
    response = submit(client, mine, "save")
    assert response.status_code == 200
    page = Page(response)
    conflict = page.by_id("conflict")
    assert "Someone else changed this report while you were editing. Nothing was saved." in conflict.text
    assert "saved by eve" in conflict.text
    rows = {row.get("rowheader").text: row for row in conflict.get("table", "Changed fields").all("row")[1:]}
    assert [cell.text for cell in rows["Name"].all("cell")] == ["Small", "Mine"]
    assert [cell.text for cell in rows["Retention days"].all("cell")] == ["9", "30"]
    assert "where :least" in conflict.get("region", "Lines of query").text
    assert version_number(small) == 2
    checked = form_data(submit(client, mine, "check"))
    assert checked["fingerprint"] == mine["fingerprint"], "a check doesn't resolve the conflict"
    assert submit(client, form_data(page), "save").status_code == 302
    assert version_number(small) == 3
    assert small.version.name == "Mine"


def test_changed_grants_are_a_conflict(browse: Browse, small: ReportConfiguration) -> None:
    client = browse("alice")
    mine = edit_form(client, "small")
    actions.patch_report(report=small, patch={"grants": {"view": ["user:bob"]}}, actor="eve")
    assert submit(client, mine, "save", name="Mine").status_code == 200


def test_the_number_of_queries_is_constant(
    browse: Browse, full: ReportConfiguration, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    client = browse("alice")
    with django_assert_num_queries(16):
        assert client.get("/reports/full/edit").status_code == 200
    more = {"grants": {"view": ["analysts", "readers", "others", "user:bob", "user:carol", "user:erin"]}}
    actions.patch_report(report=full, patch=more, actor="tester")
    with django_assert_num_queries(16):
        assert client.get("/reports/full/edit").status_code == 200
