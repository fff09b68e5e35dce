"""How two definitions differ."""

from __future__ import annotations

from reports.editing.differences import Line, changed_fields, differences

BEFORE = {
    "name": "Sales",
    "query": "select a\nfrom b\nwhere c\n",
    "parameters": [{"name": "start", "type": "date"}, {"name": "end", "type": "date", "default": "2024-01-01"}],
    "formats": ["csv", "pdf"],
    "delivery": [{"kind": "api_response", "mode": "asynchronous"}],
    "max_rows": None,
    "csv": {"delimiter": ",", "formula_guard": True},
}


def changed_values(after: dict[str, object]) -> dict[str, tuple[str, str]]:
    """The values before and after of the fields that aren't compared by line."""
    found = differences(BEFORE, BEFORE | after)
    return {difference.title: (difference.before, difference.after) for difference in found if not difference.lines}


def test_equal_definitions_do_not_differ() -> None:
    assert differences(BEFORE, dict(BEFORE)) == []


def test_fields_are_compared_one_by_one() -> None:
    after = {
        "name": "Costs",
        "formats": ["pdf", "csv"],
        "max_rows": 5,
        "csv": {"delimiter": ";", "formula_guard": False},
    }
    assert changed_values(after) == {
        "name": ("Sales", "Costs"),
        "formats": ("csv, pdf", "pdf, csv"),
        "max rows": ("", "5"),
        "csv: delimiter": (",", ";"),
        "csv: formula guard": ("yes", "no"),
    }


def test_parameters_are_compared_by_name() -> None:
    added = {"name": "least", "type": "integer"}
    after = {"parameters": [added, {"name": "end", "type": "date", "default": "2024-02-02"}]}
    assert changed_values(after) == {
        "parameters": ("start, end", "least, end"),
        "parameter least: type": ("", "integer"),
        "parameter end: default": ("2024-01-01", "2024-02-02"),
        "parameter start: type": ("date", ""),
    }
    fields = changed_fields(differences(BEFORE, BEFORE | after))
    assert fields == ["parameters", "parameter least", "parameter end", "parameter start"]


def test_texts_are_compared_by_line() -> None:
    (difference,) = differences(BEFORE, BEFORE | {"query": "select a\nfrom b2\nwhere c\n"})
    assert difference.lines == [
        Line("same", "select a", 1, 1), Line("removed", "from b", old=2), Line("added", "from b2", new=2),
        Line("same", "where c", 3, 3),
    ]  # fmt: skip


def test_lines_far_from_a_change_are_left_out() -> None:
    before = "".join(f"line {number}\n" for number in range(1, 31))
    (difference,) = differences({"query": before}, {"query": before.replace("line 15\n", "")})
    assert [line.kind for line in difference.lines] == ["gap", *["same"] * 3, "removed", *["same"] * 3, "gap"]
    assert [line.old for line in difference.lines] == [None, 12, 13, 14, 15, 16, 17, 18, None]


def test_structures_are_compared_as_yaml() -> None:
    after = {"delivery": [*BEFORE["delivery"], {"kind": "email", "to": ["a@example.com"]}]}  # type: ignore[misc]
    (difference,) = differences(BEFORE, BEFORE | after)
    assert [line.text for line in difference.lines if line.kind == "added"] == [
        "- kind: email",
        "  to:",
        "    - a@example.com",
    ]


def test_sections_are_compared_by_name() -> None:
    before = {"sections": [{"name": "days", "title": "", "query": "select a\nfrom b"}]}
    added = {"name": "first", "title": "First", "query": "select 1"}
    after = {"sections": [added, {"name": "days", "title": "Days", "query": "select a\nfrom c"}]}
    found = {difference.title: difference for difference in differences(before, after)}
    assert list(found) == [
        "sections", "section first: title", "section first: query", "section days: title", "section days: query",
    ]  # fmt: skip
    assert (found["sections"].before, found["sections"].after) == ("days", "first, days")
    assert Line("removed", "from b", old=2) in found["section days: query"].lines
    assert changed_fields(found.values()) == ["sections", "section first", "section days"]
