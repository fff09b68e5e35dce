"""/api/v1/sources over HTTP, with real tokens and sources."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from accounts.models import Tenant, User
from audit.models import AuditLog
from reports import actions
from reports.data_sources import actions as data_sources
from reports.definitions import parse_report
from reports.models import DataSource
from schedules import actions as schedules
from schedules.definitions import parse_schedule
from tests.postgres import postgres_server, with_password
from tests.reports.api.clients import client

pytestmark = pytest.mark.django_db(databases="__all__")

URL = "/api/v1/sources"
SECRET = "postgresql://reader:secret-word@127.0.0.1:1/crm"


def create(name: str = "alice", **fields: Any) -> Any:
    return client(name).post(URL, {"slug": "crm", "kind": "postgresql", "url": SECRET} | fields, format="json")


def test_a_url_is_stored_encrypted_and_never_returned(alice: User) -> None:
    made = create()
    assert made.status_code == 201 and made["Location"].endswith(f"{URL}/{made.json()['id']}")
    assert made.json()["usedBy"] == {"reports": [], "choices": [], "schedules": []}
    source = DataSource.objects.get()
    assert source.url == SECRET and "secret-word" not in source.encrypted_url
    api = client("alice")
    api.patch(f"{URL}/crm", {"slug": "customers"}, format="json")
    texts = [made.content, api.get(URL).content, api.get(f"{URL}/customers").content]
    found = api.post(f"{URL}/customers/test")
    assert found.json()["works"] is False and "not responding" in found.json()["fault"]
    texts += [found.content, repr(list(AuditLog.objects.values_list("details", flat=True))).encode()]
    assert all(b"secret-word" not in text for text in texts)
    source.refresh_from_db()
    assert source.url == SECRET and source.fault and source.checked_at
    actions_of = list(AuditLog.objects.filter(target_type="data source").values_list("action", flat=True))
    assert actions_of == ["Source Test", "Source Update", "Source Create"]


BAD = {
    "no url": ({"url": None}, "url"),
    "not a url": ({"url": "reader@host"}, "url"),
    "of another kind": ({"kind": "sql"}, "url"),
    "a socket": ({"url": "postgresql:///reportserver"}, "url"),
    "no password": ({"url": "postgresql://reader@localhost/crm"}, "url"),
    "a path beside it": ({"location": "/data"}, "location"),
    "no path": ({"kind": "files", "url": None}, "location"),
    "a relative path": ({"kind": "files", "url": None, "location": "data"}, "location"),
    "a URL of files": ({"kind": "files", "location": "/data"}, "url"),
    "an unknown kind": ({"kind": "excel"}, "kind"),
    "a bad slug": ({"slug": "a b"}, "slug"),
    "a reserved slug": ({"slug": "new"}, "slug"),
    "an unknown field": ({"password": "x"}, "password"),
    "another tenant": ({"tenant": "globex"}, "tenant"),
    "a NUL": ({"kind": "files", "url": None, "location": "/a\0b"}, "location"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_gets_a_sentence_on_its_field(case: str, alice: User, globex: Tenant) -> None:
    fields, name = BAD[case]
    answer = create(**fields)
    assert answer.status_code == 400 and name in answer.json()["fields"], answer.json()
    assert not DataSource.objects.exists() and "secret-word" not in answer.content.decode()


def test_paths_must_lie_in_an_allowed_folder(alice: User, folder: Path, settings: Any) -> None:
    outside = create(kind="files", url=None, location="/etc")
    inside = create(kind="files", url=None, location=str(folder / "files"))
    own = create(slug="own", kind="sqlite", url=None, location=str(Path(settings.DATA_DIR) / "reportserver.sqlite3"))
    assert [outside.status_code, inside.status_code, own.status_code] == [400, 201, 400]
    settings.SOURCE_FOLDERS = []
    # The rule holds at the time of use, too.
    assert "not in a folder" in client("alice").post(f"{URL}/crm/test").json()["fault"]
    assert "not in a folder" in client("alice").get(f"{URL}/crm/tables").json()["fault"]


def test_an_operators_path_stays_until_it_is_changed(acme: Tenant, alice: User, settings: Any) -> None:
    source = DataSource.objects.create(tenant=acme, slug="x", kind="files", location="/srv/x", is_operators=True)
    settings.SOURCE_FOLDERS = []
    api = client("alice")
    assert api.patch(f"{URL}/x", {"slug": "y"}, format="json").status_code == 200
    assert api.patch(f"{URL}/y", {"location": "/srv/y"}, format="json").status_code == 400
    assert api.patch(f"{URL}/y", {"kind": "sqlite"}, format="json").status_code == 400
    source.refresh_from_db()
    assert (source.slug, source.location, source.is_operators) == ("y", "/srv/x", True)


def test_an_operators_url_stays_until_it_is_changed(acme: Tenant, alice: User) -> None:
    source, api = DataSource(tenant=acme, slug="x", kind="postgresql", is_operators=True), client("alice")
    source.url = "postgresql:///crm"
    source.save()
    for fields in ({"slug": "y"}, {"slug": "x", "url": source.url}):
        assert api.patch(f"{URL}/{source.pk}", fields, format="json").status_code == 200
    refused = api.patch(f"{URL}/x", {"url": "postgresql:///other"}, format="json")
    assert "user:password@host" in refused.json()["fields"]["url"][0]
    source.refresh_from_db()
    assert source.url == "postgresql:///crm" and source.is_operators and source.spec().rules is None
    assert api.patch(f"{URL}/x", {"url": SECRET}, format="json").status_code == 200
    assert not DataSource.objects.get().is_operators
    # The rule holds at the time of use, too.
    source.is_operators = False
    source.save()
    assert "URL is not allowed" in api.post(f"{URL}/x/test").json()["fault"]
    assert "URL is not allowed" in api.get(f"{URL}/x/tables").json()["fault"]


@pytest.mark.skipif(connection.vendor != "postgresql", reason="the server's own database is SQLite's")
def test_the_servers_own_database_is_no_data_source(alice: User) -> None:
    own = connection.settings_dict
    url = f"postgresql://u:p@localhost:{own['PORT']}/{own['NAME']}"
    assert create(url=url).json()["fields"] == {"url": ["This is the report server's own database."]}
    assert create(url=f"{url}_2").status_code == 201


def test_only_administrators_of_the_tenant_see_sources(alice: User, people: dict[str, User]) -> None:
    create()
    assert create(slug="crm").json()["fields"]["slug"]
    calls = (("get", ""), ("put", ""), ("patch", ""), ("delete", ""), ("post", "/test"), ("get", "/tables"))
    for method, path in calls:
        assert getattr(client("bob"), method)(f"{URL}/crm{path}", {}, format="json").status_code == 403, method
        for known, key in (("gina", "crm"), ("gina", DataSource.objects.get().pk), ("bob", "other"), ("alice", "x")):
            answer = getattr(client(known), method)(f"{URL}/{key}{path}", {}, format="json")
            assert answer.status_code == 404 and answer.json()["code"] == "source_not_found", (method, known)
    assert client("bob").get(URL).status_code == 403 and create("bob").status_code == 403
    assert client("gina").get(URL).json()["results"] == []


TABLES: dict[str, tuple[dict[str, str], list[tuple[str, list[tuple[str, str]]]]]] = {
    "files": (
        {"kind": "files", "location": "files"},
        [
            ("broken", []),
            ('"Order lines"', [("day", "date32[day]"), ("number", "int64")]),
            ("sales", [("region", "string"), ("amount", "decimal128(18, 2)")]),
        ],
    ),
    "sqlite": ({"kind": "sqlite", "location": "sales.db"}, [("sale", [("region", "string"), ("amount", "int64")])]),
    "duckdb": (
        {"kind": "duckdb", "location": "sales.duckdb"},
        [
            ("sale", [("region", "VARCHAR"), ("amount", "DECIMAL(9,2)")]),
            ('old."Sale 2023"', [("x", "INTEGER")]),
        ],
    ),
}


@pytest.mark.parametrize("kind", TABLES)
def test_tables_and_columns_come_from_the_source(kind: str, alice: User, folder: Path) -> None:
    fields, expected = TABLES[kind]
    create(url=None, kind=fields["kind"], location=str(folder / fields["location"]))
    body = client("alice").get(f"{URL}/crm/tables").json()
    found = [(t["reference"], [(c["name"], c["type"]) for c in t["columns"]]) for t in body["tables"]]
    assert (found, body["more"], body["fault"]) == (expected, False, "")
    if kind == "files":
        assert body["tables"][0]["fault"]
    searched = client("alice").get(f"{URL}/crm/tables?q=SALE").json()["tables"]
    assert searched and all("sale" in table["name"].lower() for table in searched)
    # Each reference can be used as it is.
    for reference, columns in expected:
        if columns:
            query = f"select * from {reference}"
            report = {"slug": "r", "name": "R", "data_source": "crm", "query": query, "formats": ["csv"]}
            assert client("alice").post("/api/v1/reports", report, format="json").status_code == 201
            checked = client("alice").post("/api/v1/reports/r/validate", {}, format="json").json()
            assert checked["faults"] == [], reference
            client("alice").delete("/api/v1/reports/r")


def test_a_search_for_nul_finds_nothing(alice: User, folder: Path) -> None:
    create(kind="files", url=None, location=str(folder / "files"))
    assert client("alice").get(f"{URL}/crm/tables?q=%00sales").json() == {"tables": [], "more": False, "fault": ""}
    assert AuditLog.objects.order_by("sequence").last().details["search"] == " sales"  # type: ignore[union-attr]


@pytest.mark.parametrize("change", ["url", "deleted"])
def test_an_outdated_outcome_of_a_test_is_not_kept(change: str, alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    create()
    check = data_sources.check_source

    def during(*arguments: Any, **options: Any) -> Any:
        found = check(*arguments, **options)
        api = client("alice")
        if change == "url":
            assert api.patch(f"{URL}/crm", {"url": SECRET + "2"}, format="json").status_code == 200
        else:
            assert api.delete(f"{URL}/crm").status_code == 204
        return found

    monkeypatch.setattr(data_sources, "check_source", during)
    answer = client("alice").post(f"{URL}/crm/test")
    if change == "deleted":
        assert (answer.status_code, answer.json()["code"]) == (404, "source_not_found")
    else:
        assert answer.json()["fault"] and DataSource.objects.get().checked_at is None


def test_a_server_lists_its_tables_and_a_test_warns_of_rights(alice: User) -> None:
    with postgres_server() as url:
        create(url=with_password(url))
        found = client("alice").post(f"{URL}/crm/test").json()
        assert found["works"] and "superuser" in found["warnings"][0]
        assert client("alice").get(f"{URL}/crm/tables").json() == {"tables": [], "more": False, "fault": ""}


REPORT: dict[str, Any] = {
    "slug": "sales",
    "tenant": "acme",
    "name": "Sales",
    "data_source": "crm",
    "query": "select 1",
    "formats": ["csv"],
}
WITH_CHOICES: dict[str, Any] = {
    "query": "select :region as region",
    "parameters": [
        {"name": "region", "type": "string", "choices_query": {"query": "select 'x'", "data_source": "regions"}}
    ],
}


def test_a_used_source_is_not_deleted(acme: Tenant, alice: User, folder: Path) -> None:
    for slug in ("crm", "regions"):
        create(slug=slug, kind="sqlite", url=None, location=str(folder / "sales.db"))
    definition = parse_report(REPORT | WITH_CHOICES)
    report = actions.create_report(definition=definition, tenant=acme, actor=alice)
    entry = {"slug": "daily", "tenant": "acme", "report": "sales", "cron": "0 6 * * *"}
    schedules.create_schedule(definition=parse_schedule(entry), tenant=acme, actor=alice)
    api = client("alice")
    refused = [api.delete(f"{URL}/{slug}") for slug in ("crm", "regions")]
    assert [answer.status_code for answer in refused] == [409, 409]
    assert refused[0].json()["usedBy"] == {"reports": ["sales"], "choices": [], "schedules": ["daily"]}
    choices = [{"report": "sales", "parameters": ["region"]}]
    assert refused[1].json()["usedBy"] == {"reports": [], "choices": choices, "schedules": ["daily"]}
    assert refused[1].json()["code"] == "source_in_use" and "sales (choices of region)" in refused[1].json()["error"]
    # Old versions don't count: they stay, without a source.
    actions.update_report(report=report, definition=parse_report({**REPORT, "data_source": "regions"}), actor=alice)
    assert api.delete(f"{URL}/crm").status_code == 204 and api.delete(f"{URL}/regions").status_code == 409
    actions.delete_report(report=report, actor=alice)
    assert api.delete(f"{URL}/regions").status_code == 204
    assert AuditLog.objects.filter(action="Source Delete").count() == 2


def test_only_a_definitions_file_sets_the_url_of_a_driver(acme: Tenant, alice: User, tmp_path: Path) -> None:
    sqlite3.connect(tmp_path / "a.db").close()
    url, api = f"adbc://sqlite?uri={tmp_path}/a.db", client("alice")
    refused = create(kind="adbc", url=url)
    assert "Only the server's operator" in refused.json()["fields"]["url"][0] and not DataSource.objects.exists()
    assert "Must be like adbc://" in create(kind="adbc", url="adbc://../lib.so").json()["fields"]["url"][0]
    source = DataSource(tenant=acme, slug="x", kind="adbc", is_operators=True)
    source.url = url
    source.save()
    assert api.post(f"{URL}/x/test").json()["works"] is True
    assert api.get(f"{URL}/x/tables").json()["tables"] == []
    assert api.patch(f"{URL}/x", {"slug": "y"}, format="json").status_code == 200
    other = api.patch(f"{URL}/y", {"url": f"adbc://sqlite?uri={tmp_path}/b.db"}, format="json")
    assert "Only the server's operator" in other.json()["fields"]["url"][0]
    source.refresh_from_db()
    assert source.url == url and source.is_operators
    # The rule holds at the time of use, too.
    DataSource.objects.update(is_operators=False)
    assert "Only the server's operator" in api.post(f"{URL}/y/test").json()["fault"]
    assert "Only the server's operator" in api.get(f"{URL}/y/tables").json()["fault"]
