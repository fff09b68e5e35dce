"""Reports in the API: visibility, representation, and changes by administrators."""

from __future__ import annotations

import uuid

import httpx
import jsonschema
import pytest

from tests.acceptance.helpers import assert_error, temporary_report

DEFINITION = {"slug": "new", "name": "New", "data_source": "sales", "query": "select 1 as one", "formats": ["csv"]}


def slugs(client):
    return [report["slug"] for report in client.get("/reports", params={"pageSize": 200}).json()["results"]]


def test_users_see_the_reports_granted_to_them(idle):
    seen = {name: slugs(idle.client(name)) for name in ("alice", "bob", "carol", "dave", "erin", "gina", "hank")}
    every = ["at-once", "broken", "mailed", "many-rows", "sales-by-region", "slow", "source-gone", "times-out"]
    assert set(seen["alice"]) >= set(every)
    assert set(seen["bob"]) >= set(every)
    assert seen["carol"] == ["days", "many-rows", "sales-by-region"]
    assert seen["dave"] == []
    assert seen["erin"] == ["broken", "sales-by-region", "slow"]
    assert seen["gina"] == seen["hank"] == ["sales-by-region"]


def test_a_report_has_its_parameters_formats_delivery_and_the_rights_of_the_caller(idle_bob):
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


def test_a_report_without_a_grant_is_refused_and_one_of_another_tenant_does_not_exist(idle, idle_bob):
    assert_error(idle.client("dave").get("/reports/slow"), 403, "permission_denied")
    theirs, none = idle.client("gina").get("/reports/slow"), idle.client("gina").get(f"/reports/{uuid.uuid4()}")
    assert (theirs.status_code, theirs.content) == (404, none.content)


def test_an_administrator_creates_changes_and_deletes_a_report(idle):
    alice = idle.client("alice")
    made = alice.post("/reports", json=DEFINITION | {"slug": "life"})
    assert made.status_code == 201
    assert alice.get(made.headers["Location"]).json()["version"] == 1
    changed = alice.request("PUT", "/reports/life", json=DEFINITION | {"slug": "life", "name": "Changed"})
    assert (changed.status_code, changed.json()["name"], changed.json()["version"]) == (200, "Changed", 2)
    patched = alice.request("PATCH", "/reports/life", json={"description": "Said"})
    assert (patched.json()["name"], patched.json()["description"], patched.json()["version"]) == ("Changed", "Said", 3)
    assert alice.request("DELETE", "/reports/life").status_code == 204
    assert_error(alice.get("/reports/life"), 404, "report_not_found")


@pytest.mark.parametrize("name", ["bob", "carol", "dave"])
def test_other_users_cannot_change_reports(idle, name):
    client = idle.client(name)
    assert_error(client.post("/reports", json=DEFINITION), 403, "permission_denied")
    for method in ("PUT", "PATCH", "DELETE"):
        assert_error(client.request(method, "/reports/slow", json={}), 403, "permission_denied")
        assert_error(client.request(method, "/reports/none", json={}), 404, "report_not_found")


def test_an_administrator_of_another_tenant_cannot_change_reports(idle):
    gina = idle.client("gina")
    for method in ("PUT", "PATCH", "DELETE"):
        assert_error(gina.request(method, "/reports/slow", json={}), 404, "report_not_found")
    assert gina.post("/reports", json=DEFINITION | {"tenant": "acme"}).status_code == 400


def test_all_errors_of_a_definition_are_reported_together(idle):
    bad = {"slug": "x y", "name": "", "query": "select :q", "formats": ["docx"], "colour": "red"}
    body = assert_error(idle.client("alice").post("/reports", json=bad), 400, "invalid_definition")
    assert {"slug", "name", "data_source", "colour"} <= set(body["fields"])


def test_a_slug_that_is_taken_is_refused(idle):
    with temporary_report(idle.client("alice")) as slug:
        body = assert_error(
            idle.client("alice").post("/reports", json=DEFINITION | {"slug": slug}), 400, "invalid_definition"
        )
    assert list(body["fields"]) == ["slug"]


def test_health_needs_no_token(server, idle, anonymous):
    assert (anonymous.http.get("/livez").status_code, anonymous.http.get("/readyz").status_code) == (200, 200)
    without_workers = idle.probe()
    assert (without_workers.status_code, without_workers.json()["workers"]) == (503, "failing")


def test_health_reveals_nothing_but_the_status_without_the_token_of_the_metrics(server, idle, alice):
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Bearer é"}, dict(alice.http.headers)):
        for running, status, text in ((server, 200, "ready\n"), (idle, 503, "not ready\n")):
            with httpx.Client(base_url=running.url) as client:
                # Bytes: httpx sends no other characters as text.
                sent = {name: value.encode() for name, value in headers.items() if name.lower() == "authorization"}
                ready, metrics = (client.get(path, headers=sent) for path in ("/readyz", "/metrics"))
            assert (ready.status_code, ready.text) == (status, text)
            assert (metrics.status_code, metrics.text) == (401, "Not allowed.\n")


def test_probes_write_nothing(idle):
    def files():
        return {path: path.stat().st_mtime_ns for path in (idle.folder / "artifacts", idle.database())}

    before = files()
    for _ in range(3):
        idle.probe()
        idle.probe("/metrics")
        idle.client().http.get("/readyz")
    assert files() == before


def test_pages_accept_no_token(server, alice):
    for path in ("/", "/jobs", "/reports", "/audit"):
        answer = alice.http.get(path)
        assert answer.status_code == 302
        assert answer.headers["Location"].startswith("/login?next=")
