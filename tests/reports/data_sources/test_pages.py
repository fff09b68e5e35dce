"""The pages of data sources."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from accounts.models import Tenant, User
from audit.models import AuditLog
from reports import actions
from reports.definitions import parse_report
from reports.models import DataSource
from tests.pages.html import Page
from tests.reports.data_sources.test_calls import REPORT, SECRET, WITH_CHOICES

pytestmark = pytest.mark.django_db(databases="__all__")
Browse = Callable[[str], Client]


def post(browser: Client, path: str, **fields: Any) -> Any:
    return browser.post(path, {"slug": "sales", "kind": "sqlite", "location": "", "url": ""} | fields)


def test_an_administrator_creates_tests_browses_and_deletes_a_source(browse: Browse, folder: Path) -> None:
    alice = browse("alice")
    location = str(folder / "sales.db")
    tried = post(alice, "/sources/new", location=location, do="test")
    assert "The data source works." in tried.content.decode() and not DataSource.objects.exists()
    made = post(alice, "/sources/new", location=location)
    source = DataSource.objects.get()
    assert made["Location"] == "/sources/sales" and source.fault == ""
    page = alice.get("/sources/sales").content.decode()
    assert 'placeholder="Name of a table"' in page and f'title="{source.checked_at:%Y-%m-%d %H:%M:%S} UTC"' in page
    assert "Working" in page and location in page and "Nothing uses it yet" in page
    tables = Page(alice.get("/sources/sales/tables"))
    new_report = tables.get("link", "New report on sale")["href"]
    form = Page(alice.get(new_report))
    assert form.field("Query").value.split() == ["select", "*", "from", "sale"]
    assert form.field("Data source").value == "sales" and form.field("Name").value == "Sale"
    assert "<html" not in alice.get("/sources/sales/tables?q=none", headers={"HX-Request": "true"}).content.decode()
    edited = post(alice, "/sources/sales/edit", slug="shop", location=str(folder / "gone.db"))
    assert edited["Location"] == "/sources/shop"
    assert "does not exist" in alice.get("/sources/shop").content.decode()
    assert "Not working" in alice.get("/sources").content.decode()
    assert alice.post("/sources/shop/test")["Location"] == "/sources/shop"
    assert "Delete “shop”?" in alice.get("/sources/shop/delete").content.decode()
    assert alice.post("/sources/shop/delete")["Location"] == "/sources" and not DataSource.objects.exists()
    recorded = set(AuditLog.objects.values_list("action", flat=True))
    assert recorded >= {f"Source {word}" for word in ("Create", "Update", "Delete", "Test", "Browse")}


def test_errors_are_beside_their_fields_and_the_url_is_never_shown(browse: Browse, acme: Tenant) -> None:
    alice = browse("alice")
    refused = post(alice, "/sources/new", kind="postgresql", url="mysql://u:secret-word@h/d")
    assert refused.status_code == 400 and "secret-word" not in refused.content.decode()
    page = Page(refused)
    assert page.field("Connection URL").description == "Must start with postgresql://."
    assert Page(post(alice, "/sources/new", slug="a b")).field("URL name").description
    source = DataSource(tenant=acme, slug="crm", kind="postgresql")
    source.url = SECRET
    source.save()
    assert "secret-word" not in alice.get("/sources/crm/edit").content.decode()
    assert post(alice, "/sources/crm/edit", slug="crm2", kind="postgresql").status_code == 302
    source.refresh_from_db()
    assert source.url == SECRET and source.slug == "crm2"


def test_only_administrators_open_the_pages(browse: Browse, people: dict[str, User], folder: Path) -> None:
    post(browse("alice"), "/sources/new", location=str(folder / "sales.db"))
    for path in ("/sources", "/sources/new", "/sources/sales", "/sources/sales/edit", "/sources/sales/tables"):
        assert browse("bob").get(path).status_code == 403, path
    for path in ("/sources/sales", "/sources/sales/edit", "/sources/sales/delete", "/sources/sales/tables"):
        assert browse("gina").get(path).status_code == 404, path
    assert browse("gina").post("/sources/sales/delete").status_code == 404
    assert browse("bob").post("/sources/sales/test").status_code == 403
    assert "sales" not in browse("gina").get("/sources").content.decode()


@pytest.fixture
def used(browse: Browse, acme: Tenant, alice: User, folder: Path) -> DataSource:
    """A source that only the choices of a report's parameter use."""
    for slug in ("crm", "regions"):
        post(browse("alice"), "/sources/new", slug=slug, location=str(folder / "sales.db"))
    actions.create_report(definition=parse_report(REPORT | WITH_CHOICES), tenant=acme, actor=alice)
    return DataSource.objects.get(slug="regions")


def test_a_used_source_is_not_deleted_here_and_not_in_the_admin(browse: Browse, root: Client, used: DataSource) -> None:
    alice = browse("alice")
    assert "Choices of region" in alice.get("/sources/regions").content.decode()
    refused = alice.post("/sources/regions/delete")
    assert refused.status_code == 409 and "so it can" in refused.content.decode()
    address = f"/admin/reports/datasource/{used.pk}/delete/"
    assert "regions: sales" in root.post(address, {"post": "yes"}).content.decode()
    chosen = {"action": "delete_selected", "_selected_action": [str(used.pk)], "post": "yes"}
    assert "regions: sales" in root.post("/admin/reports/datasource/", chosen).content.decode()
    assert DataSource.objects.filter(pk=used.pk).exists()


def test_a_superuser_chooses_the_tenant(root: Client, acme: Tenant, folder: Path) -> None:
    assert "Acme Inc." in root.get("/sources/new").content.decode()
    made = post(root, "/sources/new?tenant=acme", location=str(folder / "gone.db"))
    assert made["Location"] == f"/sources/{DataSource.objects.get().pk}"
    assert "Acme Inc." in root.get(made["Location"]).content.decode()


def test_a_kind_of_the_operator_is_offered_only_where_it_is_set(browse: Browse, acme: Tenant) -> None:
    alice = browse("alice")
    assert 'value="adbc"' not in alice.get("/sources/new").content.decode()
    source = DataSource(tenant=acme, slug="x", kind="adbc", is_operators=True)
    source.url = "adbc://nosuch?password=secret-word"
    source.save()
    page = alice.get("/sources/x/edit").content.decode()
    assert '<option value="adbc" selected>' in page and "secret-word" not in page
    assert post(alice, "/sources/x/edit", slug="y", kind="adbc")["Location"] == "/sources/y"
    shown = alice.get("/sources/y").content.decode()
    assert "The ADBC driver nosuch is not installed." in shown and "secret-word" not in shown
