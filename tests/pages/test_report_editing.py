"""The form that edits a report: nothing is lost, everything wrong is told at once, and saving makes a version."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from audit.models import AuditLog
from jobs.actions import submit
from jobs.models import JobExecutionLog
from reports import actions
from reports.definitions import ParameterDefinition, ReportDefinition, parse_report
from reports.definitions.from_database import DELIVERY_DEFINITIONS, definition_of
from reports.models import DataSource, ReportConfiguration
from tests.pages.forms import press, sent_back, shown, version
from tests.pages.whole_report import WHOLE

Browse = Callable[[str], Client]


def test_the_whole_report_of_these_tests_has_every_field() -> None:
    made = parse_report(WHOLE)
    for name, info in ReportDefinition.model_fields.items():
        assert name in WHOLE, name
        assert info.is_required() or getattr(made, name) != info.get_default(call_default_factory=True), name
    named = {key for parameter in WHOLE["parameters"] for key in parameter}
    assert named == set(ParameterDefinition.model_fields)
    assert {target["kind"] for target in WHOLE["delivery"]} == set(DELIVERY_DEFINITIONS)


def test_a_form_that_is_sent_back_as_it_was_shown_changes_nothing(browse: Browse, whole: ReportConfiguration) -> None:
    client = browse("alice")
    answer = press(client, shown(client, "whole"), "save", "whole")
    assert answer.status_code == 302, answer.content.decode()
    assert "Nothing was changed." in client.get(answer["Location"]).content.decode()
    assert version(whole) == 1


def test_line_ends_that_a_browser_writes_otherwise_are_no_change(browse: Browse, small: ReportConfiguration) -> None:
    patch = {"query": "select 1\r\nwhere :least", "description": "One\r\ntwo\n"}
    actions.patch_report(report=small, patch=patch, actor="tester")
    client = browse("alice")
    press(client, shown(client, "small"), "save")
    assert version(small) == 2


def test_what_is_changed_is_the_only_change(browse: Browse, whole: ReportConfiguration) -> None:
    client = browse("alice")
    before = definition_of(whole).entry()
    assert press(client, shown(client, "whole"), "save", "whole", retention_days="8").status_code == 302
    whole.refresh_from_db()
    assert definition_of(whole).entry() == before | {"retention_days": 8}
    assert whole.version.created_by == "alice"
    entry = AuditLog.objects.first()
    assert entry
    assert (entry.actor, entry.action) == ("alice", "Report Update")
    assert entry.details == {"report": "whole", "version": 2, "changed": ["retention_days"]}


def test_only_administrators_of_the_tenant_may_edit(browse: Browse, small: ReportConfiguration) -> None:
    for path in ("edit", "versions", "delete"):
        found = {name: browse(name).get(f"/reports/small/{path}").status_code for name in ("alice", "bob", "gina")}
        assert found == {"alice": 200, "bob": 403, "gina": 404}, path
    assert browse("bob").get("/reports/new").status_code == 403
    assert browse("bob").post("/reports/small/edit", {"do": "save"}).status_code == 403
    assert browse("bob").post("/reports/small/delete").status_code == 403
    assert browse("gina").post("/reports/small/versions/1/restore").status_code == 404
    assert browse("bob").post("/reports/small/versions/1/restore").status_code == 403
    assert Client().get("/reports/small/edit").status_code == 302
    assert version(small) == 1


def test_rows_are_added_moved_and_removed_and_what_was_typed_stays(browse: Browse, small: ReportConfiguration) -> None:
    client = browse("alice")
    typed = shown(client, "small") | {"name": ["Half a na"], "max_rows": ["many"], "csv.delimiter": [";"]}
    page = press(client, typed, "add parameters").content.decode()
    data = sent_back(page, "editor")
    assert data["parameters"] == ["0", "1"]
    assert (data["name"], data["max_rows"], data["csv.delimiter"]) == (["Half a na"], ["many"], [";"])
    data |= {"parameters[1].name": ["first"], "parameters[1].default": ["x"]}
    data = sent_back(press(client, data, "up parameters 1").content.decode(), "editor")
    assert [data[f"parameters[{at}].name"] for at in (0, 1)] == [["first"], ["least"]]
    data = sent_back(press(client, data, "remove parameters 1").content.decode(), "editor")
    assert data["parameters"] == ["0"]
    assert data["parameters[0].default"] == ["x"]
    data = sent_back(press(client, data | {"delivery.new": ["email"]}, "add delivery").content.decode(), "editor")
    assert data["delivery[1].kind"] == ["email"]
    assert version(small) == 1


@pytest.mark.parametrize(
    "step", ["remove parameters 9", "up parameters 0", "remove", "up delivery x", "add nothing", ""]
)
def test_a_step_that_is_none_changes_nothing(browse: Browse, small: ReportConfiguration, step: str) -> None:
    client = browse("alice")
    data = shown(client, "small")
    answer = press(client, data, step)
    assert answer.status_code == 200
    again = sent_back(answer.content.decode(), "editor")
    again["csrfmiddlewaretoken"] = data["csrfmiddlewaretoken"]
    assert again == data


def test_everything_wrong_is_told_at_once_beside_its_field(browse: Browse, small: ReportConfiguration) -> None:
    client = browse("alice")
    data = press(client, shown(client, "small") | {"delivery.new": ["email"]}, "add delivery").content.decode()
    bad = sent_back(data, "editor") | {
        "slug": ["not good!"], "name": [""], "timeout_seconds": ["soon"], "parameters[0].minimum": ["a"],
        "delivery[1].to": ["x@example.com\nnobody"], "grants[0].who": ["user:nobody"], "grants[1].who": [" "],
        "formats": ["csv", "exe"], "retention_days": ["0"],
    }  # fmt: skip
    answer = press(client, bad, "save")
    page = answer.content.decode()
    assert answer.status_code == 200
    told = {
        "edit-slug": "Use letters, digits, - and _ only.",
        "edit-name": "Must not be empty.",
        "edit-timeout_seconds": "Must be a whole number.",
        "edit-parameters-0-minimum": "Must be a whole number, not the text “a”.",
        "edit-delivery-1-to": "Line 2: Must be an e-mail address.",
        "edit-grants-0": "User nobody does not exist in this tenant.",
        "edit-formats": "Must be one of: pdf, csv, xlsx, json, ndjson, parquet, html.",
        "edit-retention_days": "Must be 1 or more.",
    }
    for field, sentence in told.items():
        assert f'href="#{field}"' in page, field
        beside = page.split(f'id="{field}-help"')[1].split("</div>")[0]
        assert sentence in beside, field
    again = sent_back(page, "editor")
    assert again["slug"] == ["not good!"]
    assert again["timeout_seconds"] == ["soon"]
    assert again["delivery[1].to"] == ["x@example.com\r\nnobody"]
    assert again["grants[0].who"] == ["user:nobody"]
    assert version(small) == 1


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [("maximum", "1", "Must not be below minimum, which is 5."), ("choices", "4\n5", "“4”: Must be 5 or more.")],
)
def test_a_bound_that_contradicts_another_field_is_told(
    browse: Browse, small: ReportConfiguration, field: str, value: str, sentence: str
) -> None:
    client = browse("alice")
    form = shown(client, "small") | {"parameters[0].default": [""], "parameters[0].minimum": ["5"]}
    page = press(client, form | {f"parameters[0].{field}": [value]}, "save").content.decode()
    assert sentence in page.split(f'id="edit-parameters-0-{field}-help"')[1].split("</div>")[0]
    assert version(small) == 1


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("group_by: [a\ncolumns: {}", "Line 2: Not YAML"),
        ("group_by:\n  - a\n  - a\ncolumns:\n  b: sum", "Line 3: group_by[1]: Duplicate of an earlier entry"),
        ("columns:\n  a: mean", "Line 2: columns.a: Must be one of: sum, average, min, max, count."),
        ("just words", "Must be a mapping of fields to values."),
    ],
)
def test_yaml_is_refused_with_its_line_and_kept(
    browse: Browse, small: ReportConfiguration, text: str, sentence: str
) -> None:
    client = browse("alice")
    page = press(client, shown(client, "small"), "save", totals=text).content.decode()
    assert sentence in page.split('id="edit-totals-help"')[1].split("</div>")[0]
    data = sent_back(page, "editor")
    assert data["totals"] == [text.replace("\n", "\r\n")]
    data = sent_back(press(client, data, "add parameters").content.decode(), "editor")
    assert "totals" in data


def test_what_is_wrong_with_a_field_of_another_page_is_told_too(browse: Browse, whole: ReportConfiguration) -> None:
    client = browse("alice")
    data = shown(client, "whole")
    assert "template" not in data
    page = press(client, data, "save", "whole", formats=["csv"]).content.decode()
    assert "put pdf among the formats" in page.split('id="edit-formats-help"')[1].split("</div>")[0]


def test_yaml_is_saved(browse: Browse, small: ReportConfiguration) -> None:
    client = browse("alice")
    data = shown(client, "small") | {"totals": ["columns:\n  amount: sum # of all"]}
    assert press(client, data, "save").status_code == 302
    small.refresh_from_db()
    assert definition_of(small).entry()["totals"]["columns"] == {"amount": "sum"}
    assert press(client, shown(client, "small"), "save", totals="").status_code == 302
    small.refresh_from_db()
    assert definition_of(small).entry()["totals"] is None


def test_a_query_that_does_not_agree_with_its_parameters_is_told_with_the_rest(
    browse: Browse, small: ReportConfiguration
) -> None:
    client = browse("alice")
    page = press(client, shown(client, "small"), "save", query="select :other", retention_days="0").content.decode()
    assert ":other isn't defined. Add it as a parameter." in page
    assert "The query doesn't use :least." in page
    assert "Must be 1 or more." in page


def test_a_check_shows_columns_fit_and_rows_with_the_values_beside_it(
    browse: Browse, small: ReportConfiguration
) -> None:
    client = browse("alice")
    now = timezone.now()
    job = submit(report=small, actor=User.objects.get(username="alice"), parameters={})
    ended = {"status": "Succeeded", "started_at": now, "ended_at": now + timedelta(seconds=4)}
    JobExecutionLog.objects.filter(pk=job.pk).update(rows=7, attempt=1, fence=1, **ended)
    data = shown(client, "small")
    assert data["param.least"] == ["3"]
    page = press(client, data, "check", **{"param.least": "78"}).content.decode()
    assert "The data source takes the query: 2 columns" in page
    assert "north" in page
    assert "The one run so far took 4.0 s and had 7 rows." in page
    assert page.count(">78<") == 1
    assert page.count(">77<") == 0
    entry = AuditLog.objects.first()
    assert entry
    assert (entry.actor, entry.action) == ("alice", "Report Preview")
    page = press(client, data, "check", **{"param.least": "x"}).content.decode()
    assert "Must be a whole number, not the text “x”." in page
    page = press(client, data, "check", query="select 1 from nowhere where :least").content.decode()
    assert "no such table" in page
    assert version(small) == 1


def test_an_edit_of_an_outdated_report_is_refused_and_shown(browse: Browse, small: ReportConfiguration) -> None:
    client = browse("alice")
    mine = shown(client, "small") | {"name": ["Mine"]}
    actions.patch_report(report=small, patch={"retention_days": 9, "query": "select 1 as a\nwhere :least"}, actor="eve")
    answer = press(client, mine, "save")
    page = answer.content.decode()
    assert answer.status_code == 200
    assert "Somebody else changed this report since you began." in page
    assert "saved last by eve" in page
    for part in ("<del>Small</del>", "<ins>Mine</ins>", "<del>9</del>", "<ins>30</ins>", "where :least</code>"):
        assert part in page, part
    assert version(small) == 2
    checked = sent_back(press(client, mine, "check").content.decode(), "editor")
    assert checked["seen"] == mine["seen"], "a look does not make it up to date"
    assert press(client, sent_back(page, "editor"), "save").status_code == 302
    assert version(small) == 3
    assert small.version.name == "Mine"


def test_rights_that_changed_meanwhile_count_as_a_change(browse: Browse, small: ReportConfiguration) -> None:
    client = browse("alice")
    mine = shown(client, "small")
    actions.patch_report(report=small, patch={"grants": {"view": ["user:bob"]}}, actor="eve")
    assert press(client, mine, "save", name="Mine").status_code == 200


def test_rights_are_given_and_taken(browse: Browse, small: ReportConfiguration) -> None:
    client = browse("alice")
    data = shown(client, "small") | {"grants[0].who": ["user:bob"], "grants[1].who": ["readers"]}
    data.pop("grants[1].generate")
    assert press(client, data, "save").status_code == 302
    small.refresh_from_db()
    assert definition_of(small).grants.model_dump() == {
        "generate": ["user:bob"], "view": ["readers", "user:bob"],
    }  # fmt: skip
    assert version(small) == 1, "rights are no part of a version"
    data = shown(client, "small")
    data.pop("grants[0].view")
    assert press(client, data, "save").status_code == 302
    small.refresh_from_db()
    assert definition_of(small).grants.view == ["readers"]
    assert "Saved. The version is still the same." in client.get("/reports/small").content.decode()


def test_a_report_is_made(browse: Browse, source: DataSource) -> None:
    client = browse("alice")
    data = sent_back(client.get("/reports/new").content.decode(), "editor")
    assert data["delivery[0].mode"] == ["asynchronous"]
    assert data["formats"] == data["formats.first"] == ["csv"]
    answer = client.post("/reports/new", {**data, "do": "save"})
    assert answer.status_code == 200
    data |= {"name": ["All of the sales"], "query": ["select * from sale"], "data_source": ["sales"]}
    data |= {"formats": ["csv", "json"], "formats.first": ["json"], "grants[0].who": ["user:bob"]}
    checked = client.post("/reports/new", {**data, "do": "check"})
    assert "The data source takes the query: 3 columns" in checked.content.decode()
    answer = client.post("/reports/new", {**data, "do": "save"})
    assert (answer.status_code, answer["Location"]) == (302, "/reports/all-of-the-sales")
    made = ReportConfiguration.objects.get(slug="all-of-the-sales")
    assert made.version.formats == ["json", "csv"]
    again = client.post("/reports/new", {**data, "do": "save"})
    assert again.status_code == 200
    assert "Another report already has this slug." in again.content.decode()
    refused = client.post("/reports/new", {**data, "slug": "new", "do": "save"})
    assert "/reports/new is the page that makes a report" in refused.content.decode()


def test_a_superuser_says_for_whom_a_report_is(root: Client, source: DataSource) -> None:
    assert "Acme Inc." in root.get("/reports/new").content.decode()
    page = root.get("/reports/new?tenant=acme").content.decode()
    data = sent_back(page, "editor") | {"name": ["R"], "query": ["select 1"], "data_source": ["sales"]}
    answer = root.post("/reports/new?tenant=acme", {**data, "formats": ["csv"], "do": "save"})
    made = ReportConfiguration.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, f"/reports/{made.pk}")
    assert made.tenant == source.tenant
    assert root.get(f"/reports/{made.pk}/edit").status_code == 200


def test_a_report_whose_source_is_gone_can_be_pointed_at_another(browse: Browse, small: ReportConfiguration) -> None:
    client = browse("alice")
    DataSource.objects.create(tenant=small.tenant, slug="other", kind="sqlite", location="/other.db")
    DataSource.objects.filter(slug="sales").delete()
    data = shown(client, "small")
    assert data["data_source"] == [""]
    assert press(client, data, "save", name="N").status_code == 200
    assert press(client, data, "save", data_source="other").status_code == 302


def test_a_report_is_deleted_once_that_is_confirmed(browse: Browse, small: ReportConfiguration) -> None:
    client = browse("alice")
    assert "Delete “Small”?" in client.get("/reports/small/delete").content.decode()
    assert client.post("/reports/small/delete")["Location"] == "/reports"
    assert "Small was deleted." in client.get("/reports").content.decode()
    assert not ReportConfiguration.objects.filter(slug="small").exists()
    assert client.get("/reports/small/edit").status_code == 404


def test_a_form_of_a_hundred_parameters_is_taken(browse: Browse, small: ReportConfiguration) -> None:
    names = [f"p{at}" for at in range(100)]
    patch = {"parameters": [{"name": name, "type": "string"} for name in names]}
    query = "select " + ", ".join(f":{name} as {name}" for name in names)
    actions.patch_report(report=small, patch=patch | {"query": query}, actor="tester")
    client = browse("alice")
    assert press(client, shown(client, "small"), "save", name="Long").status_code == 302


def test_the_form_takes_a_number_of_queries_that_does_not_grow(
    browse: Browse, whole: ReportConfiguration, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    client = browse("alice")
    with django_assert_num_queries(17):
        assert client.get("/reports/whole/edit").status_code == 200
    more = {"grants": {"view": ["analysts", "readers", "others", "user:bob", "user:carol", "user:erin"]}}
    actions.patch_report(report=whole, patch=more, actor="tester")
    with django_assert_num_queries(17):
        assert client.get("/reports/whole/edit").status_code == 200


#: Failed sign-ins are counted in a database of their own on SQLite.
