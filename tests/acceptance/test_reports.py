"""Reports over HTTP: who sees which, what they tell, and how an Administrator changes them."""

from __future__ import annotations

import uuid

import jsonschema
import pytest

from tests.acceptance.helpers import own_report, refused

DEFINITION = {"slug": "new", "name": "New", "data_source": "sales", "query": "select 1 as one", "formats": ["csv"]}


def slugs(person):
    return [report["slug"] for report in person.get("/reports", params={"pageSize": 200}).json()["results"]]


def test_everyone_sees_the_reports_that_are_granted(idle):
    seen = {name: slugs(idle.client(name)) for name in ("alice", "bob", "carol", "dave", "erin", "gina", "hank")}
    every = ["at-once", "broken", "mailed", "many-rows", "sales-by-region", "slow", "source-gone", "times-out"]
    assert set(seen["alice"]) >= set(every)
    assert set(seen["bob"]) >= set(every)
    assert seen["carol"] == ["many-rows", "sales-by-region"]
    assert seen["dave"] == []
    assert seen["erin"] == ["broken", "sales-by-region", "slow"]
    assert seen["gina"] == seen["hank"] == ["sales-by-region"]


def test_a_report_tells_its_parameters_formats_delivery_and_the_callers_rights(idle_bob):
    report = idle_bob.get("/reports/sales-by-region").json()
    assert report["name"] == "Sales by région"
    assert report["formats"] == ["csv", "json", "ndjson", "xlsx", "parquet", "html", "pdf"]
    assert report["delivery"] == [{"kind": "api_response", "mode": "asynchronous"}]
    assert report["rights"] == ["view", "generate"]
    assert "definition" not in report and "select" not in str(report)
    schema = report["parameters"]
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate({"region": "north", "since": "2024-01-01"}, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"region": 5}, schema)
    assert idle_bob.get(f"/reports/{report['id']}").json() == report


@pytest.mark.parametrize(("name", "rights"), [("carol", ["view"]), ("erin", ["generate"])])
def test_rights_are_those_of_the_caller(idle, name, rights):
    assert idle.client(name).get("/reports/sales-by-region").json()["rights"] == rights


def test_a_report_without_a_grant_is_refused_and_another_tenants_is_none(idle, idle_bob):
    refused(idle.client("dave").get("/reports/slow"), 403, "permission_denied")
    theirs, none = idle.client("gina").get("/reports/slow"), idle.client("gina").get(f"/reports/{uuid.uuid4()}")
    assert (theirs.status_code, theirs.content) == (404, none.content)


def test_an_administrator_makes_changes_and_deletes_a_report(idle):
    alice = idle.client("alice")
    made = alice.post("/reports", json=DEFINITION | {"slug": "life"})
    assert made.status_code == 201
    assert alice.get(made.headers["Location"]).json()["version"] == 1
    changed = alice.request("PUT", "/reports/life", json=DEFINITION | {"slug": "life", "name": "Changed"})
    assert (changed.status_code, changed.json()["name"], changed.json()["version"]) == (200, "Changed", 2)
    patched = alice.request("PATCH", "/reports/life", json={"description": "Said"})
    assert (patched.json()["name"], patched.json()["description"], patched.json()["version"]) == ("Changed", "Said", 3)
    assert alice.request("DELETE", "/reports/life").status_code == 204
    refused(alice.get("/reports/life"), 404, "report_not_found")


@pytest.mark.parametrize("name", ["bob", "carol", "dave"])
def test_who_is_no_administrator_changes_nothing(idle, name):
    person = idle.client(name)
    refused(person.post("/reports", json=DEFINITION), 403, "permission_denied")
    for method in ("PUT", "PATCH", "DELETE"):
        refused(person.request(method, "/reports/slow", json={}), 403, "permission_denied")
        refused(person.request(method, "/reports/none", json={}), 404, "report_not_found")


def test_another_tenants_administrator_changes_nothing(idle):
    gina = idle.client("gina")
    for method in ("PUT", "PATCH", "DELETE"):
        refused(gina.request(method, "/reports/slow", json={}), 404, "report_not_found")
    assert gina.post("/reports", json=DEFINITION | {"tenant": "acme"}).status_code == 400


def test_all_faults_of_a_definition_are_told_at_once(idle):
    bad = {"slug": "x y", "name": "", "query": "select :q", "formats": ["docx"], "colour": "red"}
    body = refused(idle.client("alice").post("/reports", json=bad), 400, "invalid_definition")
    assert {"slug", "name", "data_source", "colour"} <= set(body["fields"])


def test_a_slug_that_is_taken_is_refused(idle):
    with own_report(idle.client("alice")) as slug:
        body = refused(
            idle.client("alice").post("/reports", json=DEFINITION | {"slug": slug}), 400, "invalid_definition"
        )
    assert list(body["fields"]) == ["slug"]


def test_health_is_told_without_a_token(server, idle, anonymous):
    assert (anonymous.http.get("/livez").status_code, anonymous.http.get("/readyz").status_code) == (200, 200)
    without_workers = idle.client().http.get("/readyz")
    assert (without_workers.status_code, without_workers.json()["workers"]) == (503, "failing")


def test_the_pages_take_no_token(server, alice):
    for path in ("/", "/jobs", "/reports", "/audit"):
        answer = alice.http.get(path)
        assert answer.status_code == 302
        assert answer.headers["Location"].startswith("/login?next=")
