"""The parts of the edit page: tabs, tables beside the query, parameters that nobody has defined, copies."""

from __future__ import annotations

from collections.abc import Callable

from django.test import Client

from audit.models import AuditLog
from reports.models import DataSource, ReportConfiguration
from tests.pages.html import Page
from tests.reports.pages.edit_form import as_yaml, current_entry, edit_form, form_data, get_page, submit, version_number

Browse = Callable[[str], Client]


def open_tab(page: Page) -> str:
    """Return the id of the tab whose panel is shown where there are scripts."""
    (panel,) = page.tag.select(".tab-panel[data-current]")
    (link,) = page.tag.select("[data-tabs] a[data-current]")
    assert link["href"] == f"#{panel['id']}"
    return str(panel["id"])


def test_errors_mark_their_tabs_and_open_the_first_of_them(browse: Browse, small: ReportConfiguration) -> None:
    client = browse("alice")
    page = get_page(client, "/reports/small/edit")
    assert open_tab(page) == "tab-general"
    for link in page.by_id("editor").all("link", None):
        if link["href"].startswith("#tab-"):
            assert page.by_id(link["href"][1:]), "without scripts, the tabs lead to their parts of the page"
    wrong = edit_form(client, "small") | as_yaml("rules", "- {check: nothing, message: m}")
    page = Page(submit(client, wrong | {"retention_days": ["0"], "max_rows": ["x"], "tab": ["sharing"]}, "save"))
    assert open_tab(page) == "tab-parameters"
    titles = [link.text for link in page.by_id("editor").all("link") if link["href"].startswith("#tab-")]
    assert "Parameters , 1 error" in titles
    assert "Files and limits , 2 errors" in titles
    assert "Query" in titles, "nothing is wrong with it"


def test_the_open_tab_follows_what_is_done(browse: Browse, small: ReportConfiguration) -> None:
    client = browse("alice")
    data = edit_form(client, "small") | {"tab": ["presentation"]}
    assert open_tab(Page(submit(client, data, "nothing"))) == "tab-presentation"
    assert open_tab(Page(submit(client, data, "add parameters"))) == "tab-parameters"
    assert open_tab(Page(submit(client, data, "check"))) == "tab-query"
    assert open_tab(Page(submit(client, data | {"tab": ["nonsense"]}, "nothing"))) == "tab-general"


def test_undefined_parameters_are_named_and_added(browse: Browse, small: ReportConfiguration) -> None:
    client = browse("alice")
    query = (
        "select ':no' as \"a:no\", region from sale -- :no\n"
        "where amount > :least and day >= :since and region = :area and region <> :caller_username and :since <> ''"
    )
    data = edit_form(client, "small") | {"query": [query]}
    page = Page(submit(client, data, "nothing"))
    notice = page.tag.select_one("[data-undefined]")
    assert notice and "hidden" not in notice.attrs
    assert page.by_id("tab-query").get("button", "Add 2 undefined parameters")
    added = form_data(submit(client, data, "define"))
    assert added["parameters"] == ["0", "1", "2"]
    assert [added[f"parameters[{row}].name"] for row in (1, 2)] == [["since"], ["area"]]
    page = Page(submit(client, added, "nothing"))
    notice = page.tag.select_one("[data-undefined]")
    assert notice and "hidden" in notice.attrs
    assert submit(client, added, "save").status_code == 302
    assert [each["name"] for each in current_entry(small)["parameters"]] == ["least", "since", "area"]


def test_a_report_is_duplicated_when_its_copy_is_saved(browse: Browse, full: ReportConfiguration) -> None:
    client = browse("alice")
    page = get_page(client, get_page(client, "/reports/full/edit").get("link", "Duplicate")["href"])
    assert "Nothing is saved yet." in page.text
    assert ReportConfiguration.objects.count() == 1
    data = form_data(page)
    assert "slug" not in data or data["slug"] == [""]
    assert client.post("/reports/full/duplicate", data | {"name": ["Twin"], "do": "save"}).status_code == 302
    twin = ReportConfiguration.objects.get(slug="twin")
    assert current_entry(twin) == current_entry(full) | {"slug": "twin", "name": "Twin"}
    assert version_number(full) == 1
    codes = {name: browse(name).get("/reports/full/duplicate").status_code for name in ("bob", "gina")}
    assert codes == {"bob": 403, "gina": 404}


def test_the_tables_of_the_chosen_source_can_be_put_into_the_query(browse: Browse, source: DataSource) -> None:
    client = browse("alice")
    page = get_page(client, "/query-tables?tenant=acme&data_source=sales")
    inserted = [str(tag["data-insert"]) for tag in page.tag.select("[data-insert]")]
    assert inserted == ["sale", "region", "day", "amount"]
    assert page.get("button", "Insert region string")
    entry = AuditLog.objects.first()
    assert entry and entry.action == "Source Browse"
    assert "No tables match “x”" in get_page(client, "/query-tables?tenant=acme&data_source=sales&q=x").text
    for query in ("tenant=acme&data_source=none", "tenant=globex&data_source=sales", "data_source=%00", ""):
        assert "Choose a data source" in get_page(client, f"/query-tables?{query}").text
    assert "Choose a data source" in get_page(browse("gina"), "/query-tables?tenant=acme&data_source=sales").text
    assert browse("bob").get("/query-tables?tenant=acme&data_source=sales").status_code == 403
