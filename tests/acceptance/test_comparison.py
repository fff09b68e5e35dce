"""Comparing the results of two runs: through the API, and on their page in a browser."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.acceptance.helpers import assert_error, failed_job, query, succeeded_job, temporary_report
from tests.pages.browser import responsive_accessibility_errors
from tests.pages.conftest import chromium, visit  # noqa: F401
from tests.server import UNKNOWN_ID, Client

REPORT = {
    "name": "Sales to compare",
    "query": "select region, sum(amount) + case region when 'north' then :plus else 0 end as total from sale "
    "where region <> :without group by region order by region",
    "parameters": [
        {"name": "plus", "type": "integer", "default": 0, "label": "Plus"},
        {"name": "without", "type": "string", "required": True, "label": "Without"},
    ],
    "compare_by": ["region"],
    "columns": {"total": {"label": "Total sales", "format": "#,##0.00"}},
}
ROWS = [
    {"difference": "removed", "later": None, "earlier": ["south", 14950]},
    {"difference": "changed", "later": ["north", 14851], "earlier": ["north", 14850]},
    {"difference": "added", "later": ["west", 15050], "earlier": None},
]


@pytest.fixture(scope="module")
def report(alice: Client) -> Iterator[str]:
    with temporary_report(alice, **REPORT) as slug:
        yield slug


@pytest.fixture(scope="module")
def jobs(bob: Client, report: str) -> tuple[str, str]:
    """The earlier and the later one."""
    earlier = succeeded_job(bob, report, parameters={"without": "west"})
    return earlier, succeeded_job(bob, report, parameters={"without": "south", "plus": 1})


def test_rows_are_added_removed_and_changed_by_the_reports_key(bob, jobs):
    earlier, later = jobs
    answer = bob.get(f"/jobs/{later}/compare", params={"with": earlier})
    assert answer.status_code == 200 and answer.headers["Cache-Control"] == "private, no-store"
    body = answer.json()
    assert sorted(body.pop("rows"), key=str) == sorted(ROWS, key=str)
    assert body == {
        "later": later, "earlier": earlier, "added": 1, "removed": 1, "changed": 1, "unchanged": 0, "truncated": False,
        "columns": [{"name": "region", "key": True}, {"name": "total", "key": False}],
        "onlyLater": [], "onlyEarlier": [],
    }  # fmt: skip


def test_the_order_of_the_two_jobs_does_not_matter(bob, jobs):
    earlier, later = jobs
    bodies = [bob.get(f"/jobs/{job}/compare", params={"with": other}).json() for job, other in (jobs, jobs[::-1])]
    assert bodies[0] == bodies[1]
    only = bob.get(f"/jobs/{earlier}/compare", params={"with": later, "difference": "added"}).json()
    assert (only["rows"], only["removed"]) == ([ROWS[2]], 1)


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({}, "with"),
        ({"with": "self"}, "with"),
        ({"with": "foreign"}, "with"),
        ({"with": "earlier", "difference": "moved"}, "difference"),
        ({"with": "earlier", "limit": 201}, "limit"),
        ({"with": "earlier", "section": "one"}, "section"),
    ],
)
def test_bad_input_is_said_on_its_field(bob, jobs, parameters, field):
    ids = {"self": jobs[1], "earlier": jobs[0]}
    if parameters.get("with") == "foreign":
        ids["foreign"] = succeeded_job(bob)
    given = {**parameters, **({"with": ids[parameters["with"]]} if "with" in parameters else {})}
    error = assert_error(bob.get(f"/jobs/{jobs[1]}/compare", params=given), 400, "invalid_parameters")
    assert list(error["fields"]) == [field]


def test_rights_on_both_jobs_are_checked(server, bob, jobs):
    def call(name: str, job: str, other: str):
        return server.client(name).get(f"/jobs/{job}/compare", params={"with": other})

    assert_error(call("dave", *jobs), 403, "permission_denied")
    assert_error(call("hank", *jobs), 404, "job_not_found")
    assert_error(call("bob", jobs[1], UNKNOWN_ID), 404, "job_not_found")
    own = succeeded_job(server.client("erin"))
    assert_error(call("erin", own, succeeded_job(bob)), 403, "permission_denied")


def test_results_without_rows_are_not_compared(bob, alice, jobs):
    with temporary_report(alice, **{**REPORT, "keep_rows": 0}) as slug:
        ids = [succeeded_job(bob, slug, parameters={"without": "west"}) for _ in range(2)]
        assert_error(bob.get(f"/jobs/{ids[1]}/compare", params={"with": ids[0]}), 404, "rows_not_kept")
    with temporary_report(alice, query="select * from no_such_table") as slug:
        failed = failed_job(bob, slug)
        error = bob.get(f"/jobs/{failed}/compare", params={"with": failed_job(bob, slug)})
        assert error.status_code == 410


def test_both_reads_are_audited(server, bob, jobs):
    earlier, later = jobs
    assert bob.get(f"/jobs/{later}/compare", params={"with": earlier}).status_code == 200
    entries = query(
        server, "select target_id, details from audit_auditlog where action = 'Rows Read' order by sequence"
    )
    last = {entry["target_id"]: entry["details"] for entry in entries[-2:]}
    assert set(last) == set(jobs)
    assert earlier in last[later] and later in last[earlier]


def test_a_column_that_the_query_lacks_is_refused(alice, report):
    answer = alice.request("PATCH", f"/reports/{report}", json={"compare_by": ["region", "price"]})
    error = assert_error(answer, 400, "invalid_definition")
    assert error["fields"] == {"compare_by[1]": ["The query has no column price. It has region, total."]}
    twice = alice.request("PATCH", f"/reports/{report}", json={"compare_by": ["region", "region"]})
    assert list(assert_error(twice, 400, "invalid_definition")["fields"]) == ["compare_by[1]"]


def test_sections_are_compared_one_by_one(bob, alice):
    def section(name: str, query: str) -> dict:
        return {"name": name, "query": query, "compare_by": ["n"]}

    sections = [section("one", "select 1 as n, :x as v"), section("two", "select 2 as n, 5 as v")]
    changes = {"query": "", "sections": sections, "parameters": [{"name": "x", "type": "integer"}]}
    with temporary_report(alice, **changes) as slug:
        earlier, later = (succeeded_job(bob, slug, parameters={"x": x}) for x in (1, 2))
        for name, changed in (("one", 1), ("two", 0)):
            parameters = {"with": earlier, "section": name}
            assert bob.get(f"/jobs/{later}/compare", params=parameters).json()["changed"] == changed


def test_the_page_compares_with_the_newest_earlier_result_and_others(visit, bob, jobs):  # noqa: F811
    page = visit("bob", f"/jobs/{jobs[1]}")
    page.get_by_role("link", name="Compare with…").click()
    expect(page.get_by_role("heading", name="Compare results")).to_be_visible()
    table = page.get_by_role("table", name="Rows that differ")
    expect(table.get_by_role("row")).to_have_count(4)
    changed = table.get_by_role("row").filter(has_text="Changed")
    expect(changed).to_contain_text("north")
    expect(changed.get_by_role("deletion")).to_contain_text("14,850.00")
    expect(changed.get_by_role("insertion")).to_contain_text("14,851.00")
    expect(page.get_by_text("Rows are identified by: region.")).to_be_visible()
    expect(page.get_by_label("Compare with").locator("option:checked")).to_contain_text("Plus 0 · west · bob")
    assert responsive_accessibility_errors(page, "compare") == []
    page.get_by_role("link", name="Added 1").click()
    expect(table.get_by_role("row")).to_have_count(2)


def test_the_page_of_a_first_result_says_that_there_is_none_to_compare_with(visit, jobs):  # noqa: F811
    page = visit("bob", f"/jobs/{jobs[0]}/compare")
    expect(page.get_by_text("No earlier result to compare with")).to_be_visible()
