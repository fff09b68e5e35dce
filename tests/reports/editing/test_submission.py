"""A submitted form as an entry of the definitions file."""

from __future__ import annotations

import pytest
from django.http import QueryDict
from django.utils.http import urlencode

from reports.definitions import ParameterDefinition, ReportDefinition
from reports.editing.grants import Grant, grants_entry, grants_of, row_of, submitted_grants
from reports.editing.submission import Submission


def submission(**data: str | list[str]) -> Submission:
    return Submission(QueryDict(urlencode(data, doseq=True)))


def test_rows_have_the_order_of_the_page() -> None:
    assert submission(parameters=["2", "0", "x", "-1", "10"]).rows("parameters") == [
        "parameters[2]", "parameters[0]", "parameters[10]",
    ]  # fmt: skip


def test_fields_are_read_by_their_type() -> None:
    form = submission(
        **{
            "p.name": "region",
            "p.type": "string",
            "p.multiple": "on",
            "p.choices": "a\r\n\r\n b",
            "p.max_length": "1_000",
        }
    )
    assert form.entry(ParameterDefinition, "p") == {
        "name": "region", "type": "string", "required": False, "choices": ["a", "b"], "multiple": True,
        "max_length": 1000,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "value"),
    [("1,000", 1000), ("-5", -5), ("", None), (" ", None), ("many", "many"), ("9" * 30, "9" * 30), ("٣", "٣")],
)
def test_what_is_not_a_number_stays_text(text: str, value: int | str | None) -> None:
    without = frozenset(ReportDefinition.model_fields) - {"max_rows"}
    assert submission(max_rows=text).entry(ReportDefinition, "", without).get("max_rows") == value


def test_yaml_is_read_with_its_lines() -> None:
    without = frozenset(ReportDefinition.model_fields) - {"totals", "chart"}
    form = submission(totals="columns:\n  amount: sum", chart="a: [")
    assert form.entry(ReportDefinition, "", without) == {"totals": {"columns": {"amount": "sum"}}, "chart": "a: ["}
    assert form.yaml_lines["totals"]["columns.amount"] == 2
    assert form.yaml_texts["chart"] == "a: ["
    assert "Not YAML" in form.yaml_errors["chart"][0]


# --- Grants -----------------------------------------------------------------------------------------------------------


def test_grants_are_rows_of_holders() -> None:
    entry = {"generate": ["analysts", "user:bob"], "view": ["readers", "user:bob"]}
    grants = grants_of(entry)
    assert grants == [
        Grant("analysts", ["generate"]), Grant("user:bob", ["generate", "view"]), Grant("readers", ["view"]),
    ]  # fmt: skip
    assert grants_entry(grants) == {"generate": ["analysts", "user:bob"], "view": ["user:bob", "readers"]}


def test_rows_without_a_holder_or_a_right_are_left_out() -> None:
    form = submission(
        **{
            "grants": ["0", "1", "2"], "grants[0].holder": " analysts ", "grants[0].view": "on",
            "grants[1].holder": "readers", "grants[2].view": "on",
        }
    )  # fmt: skip
    assert submitted_grants(form) == [Grant("analysts", ["view"])]


@pytest.mark.parametrize(
    ("path", "row"), [("grants.view[1]", 2), ("grants.generate[0]", 0), ("grants.view[9]", None), ("grants", None)]
)
def test_an_error_path_names_a_row(path: str, row: int | None) -> None:
    grants = [Grant("a", ["generate"]), Grant("b", ["view", "generate"]), Grant("c", ["view"])]
    assert row_of(path, grants) == row
