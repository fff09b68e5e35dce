"""The catalogue of reports: folders, tags, search, and favorites."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from bs4 import BeautifulSoup
from django.test import Client

from accounts.models import User
from reports.catalogue.models import FavoriteReport
from reports.catalogue.search import Folder, contents
from reports.models import ReportConfiguration
from tests.pages.conftest import make_report
from tests.reports.pages.edit_form import form_data, get_page

Browse = Callable[[str], Client]


@pytest.fixture
def alice(browse: Browse, report: ReportConfiguration) -> Client:
    """An Administrator who sees four reports: sales in no folder, and three in folders and with tags."""
    for slug, folder, tags in (
        ("eu", "Sales/Europe", ["monthly", "board"]),
        ("us", "Sales", ["monthly"]),
        ("nights", "Salesmen", []),
    ):
        created = make_report(report.tenant, slug, slug.title(), [])
        created.folder, created.tags = folder, tags
        created.save()
    return browse("alice")


def slugs(client: Client, query: str) -> list[str]:
    page = BeautifulSoup(client.get(f"/reports{query}").content, "html.parser")
    return [str(link["href"]).removeprefix("/reports/") for link in page.select("table.reports a.title")]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["eu", "nights", "sales", "us"]),
        ("?folder=Sales", ["eu", "us"]),
        ("?folder=Sales/Europe", ["eu"]),
        ("?folder=Sale", []),
        ("?tag=monthly", ["eu", "us"]),
        ("?tag=month", []),
        ("?tag=monthly&folder=Sales/Europe", ["eu"]),
        ("?q=EUROPE", ["eu"]),
        ("?q=board+sold", ["eu"]),
        ("?q=board+nothing", []),
        ("?q=monthly&folder=Sales", ["eu", "us"]),
        ("?q=%00", ["eu", "nights", "sales", "us"]),
        ("?folder=%25", []),
    ],
)
def test_reports_are_narrowed_by_folder_tag_and_words(alice: Client, query: str, found: list[str]) -> None:
    assert slugs(alice, query) == found


def test_folders_and_tags_are_counted_with_what_is_below(alice: Client) -> None:
    found = contents(User.objects.get(username="alice"))
    assert found.folders == [
        Folder("Sales", "Sales", 0, 2), Folder("Sales/Europe", "Europe", 1, 1), Folder("Salesmen", "Salesmen", 0, 1),
    ]  # fmt: skip
    assert found.tags == [("board", 1), ("monthly", 2)]
    assert found.reports == 4


def test_nobody_learns_of_folders_and_tags_of_reports_without_a_right(alice: Client, browse: Browse) -> None:
    text = get_page(browse("bob"), "/reports").text
    assert "Europe" not in text and "monthly" not in text


def test_a_star_makes_a_report_a_favorite_of_its_user_alone(
    alice: Client, browse: Browse, report: ReportConfiguration
) -> None:
    assert alice.post("/reports/sales/favorite", {"star": "1"}).headers["Location"] == "/reports/sales"
    assert alice.post("/reports/sales/favorite", {"star": "1"}).status_code == 302, "twice changes nothing"
    assert slugs(alice, "?favorites=1") == ["sales"]
    assert slugs(browse("bob"), "?favorites=1") == []
    assert "No favorites yet" in get_page(browse("bob"), "/reports?favorites=1").text
    star = get_page(alice, "/reports/sales").get("button", "Favorite Sales <by> region")
    assert star["aria-pressed"] == "true"
    alice.post("/reports/sales/favorite", {"star": "0"})
    assert slugs(alice, "?favorites=1") == []


def test_only_visible_reports_get_stars(browse: Browse, report: ReportConfiguration) -> None:
    assert browse("dave").post("/reports/sales/favorite", {"star": "1"}).status_code == 403
    assert browse("gina").post("/reports/sales/favorite", {"star": "1"}).status_code == 404
    assert not FavoriteReport.objects.exists()


def test_favorites_without_a_right_any_more_are_not_shown(browse: Browse, report: ReportConfiguration) -> None:
    bob = browse("bob")
    bob.post("/reports/sales/favorite", {"star": "1"})
    assert "Sales <by> region" in get_page(bob, "/").get("region", "Favorites").text
    report.usergrant_set.filter(user__username="bob").delete()
    assert "Sales <by> region" not in get_page(bob, "/").text


def test_the_editor_changes_folder_and_tags_without_a_new_version(browse: Browse, full: ReportConfiguration) -> None:
    alice = browse("alice")
    data = form_data(get_page(alice, "/reports/full/edit")) | {"folder": " Sales / Europe ", "tags": "b\na"}
    assert alice.post("/reports/full/edit", data | {"do": "save"}).status_code == 302
    full.refresh_from_db()
    assert (full.folder, full.tags, full.version.number) == ("Sales/Europe", ["b", "a"], 1)
    answer = alice.post("/reports/full/edit", data | {"folder": "a//b", "do": "save"})
    assert 'Put names between the "/", as in Sales/Europe.' in answer.content.decode().replace("&quot;", '"')
