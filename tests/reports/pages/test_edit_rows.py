"""Columns, rules, totals, charts, sections and choices in rows of the edit form, or as YAML."""

from __future__ import annotations

from collections.abc import Callable

from django.test import Client

from reports.models import ReportConfiguration
from tests.pages.html import Page
from tests.reports.pages.edit_form import as_yaml, current_entry, edit_form, form_data, submit, version_number

Browse = Callable[[str], Client]


def test_structures_are_built_in_rows(browse: Browse, small: ReportConfiguration) -> None:
    client = browse("alice")
    data = edit_form(client, "small")
    for command in ("add columns", "add columns", "add columns[0].highlight", "add rules", "add totals.columns"):
        data = form_data(submit(client, data, command))
    assert data["columns"] == ["0", "1"]
    data |= {
        "columns[0].column": ["amount"], "columns[0].label": ["Turnover"], "columns[0].format": ["0.00 ¤"],
        "columns[0].currency": ["EUR"], "columns[0].width": ["12"], "columns[0].align": ["left"],
        "columns[0].highlight[0].when": ["> 30"], "columns[0].highlight[0].as": ["bad"],
        "columns[1].column": ["region"], "columns[1].hidden": ["on"],
        "rules[0].check": ["least < 100"], "rules[0].message": ["Too many."],
        "totals.columns[0].column": ["amount"], "totals.columns[0].value": ["average"], "totals.decimals": ["1"],
        "chart.mark": ["bar"], "chart.x": ["region"], "chart.y": ["amount"], "chart.aggregate": ["sum"],
        "parameters[0].choices_query.query": ["select 1 union select 3"],
    }  # fmt: skip
    response = submit(client, data, "save")
    assert response.status_code == 302, Page(response).by_id("error-summary").text
    entry = current_entry(small)
    highlight = [{"when": "> 30", "as": "bad"}]
    assert entry["columns"] == {
        "amount": {"label": "Turnover", "format": "0.00 ¤", "currency": "EUR", "width": 12, "align": "left",
                   "highlight": highlight},
        "region": {"hidden": True},
    }  # fmt: skip
    assert entry["rules"] == [{"check": "least < 100", "message": "Too many."}]
    assert entry["totals"] == {"group_by": [], "columns": {"amount": "average"}, "grand": True, "decimals": 1}
    assert entry["chart"]["encoding"]["y"] == {"field": "amount", "type": "quantitative", "aggregate": "sum"}
    assert entry["parameters"][0]["choices_query"] == {"query": "select 1 union select 3"}
    assert submit(client, edit_form(client, "small"), "save").status_code == 302
    assert version_number(small) == 2, "the stored ones are in the form unchanged"


def test_errors_of_rows_are_beside_their_fields_and_lose_nothing(browse: Browse, small: ReportConfiguration) -> None:
    client = browse("alice")
    data = edit_form(client, "small")
    for command in ("add columns", "add columns", "add columns", "add totals.columns", "add rules"):
        data = form_data(submit(client, data, command))
    wrong = data | {
        "columns[0].column": ["amount"], "columns[0].format": ["0.0.0"], "columns[0].width": ["wide"],
        "columns[1].column": ["amount"], "columns[1].format": ["#.#.#"], "columns[2].label": ["No name"],
        "columns[2].width": ["0"], "chart.title": ["Lost?"],
        "totals.columns[0].column": ["amount"], "totals.group_by": ["amount"], "rules[0].check": ["x < 1"],
    }  # fmt: skip
    page = Page(submit(client, wrong, "save"))
    first = page.get("group", "Columns 1")
    assert first.field("Format").is_invalid
    assert "Must be a whole number." in first.field("Width").description
    assert "Duplicate of an earlier entry." in page.get("group", "Columns 2").field("Column").description
    assert page.get("group", "Columns 2").field("Format").is_invalid
    assert "Enter the name of the column." in page.get("group", "Columns 3").field("Column").description
    assert "Must be 1 or more." in page.get("group", "Columns 3").field("Width").description
    assert "Choose the kind of chart" in page.get("group", "Chart").field("Kind").description
    assert "can't have a total" in page.get("group", "Columns with totals 1").field("Total").description
    summary = page.by_id("error-summary")
    assert len(summary.all("link", "Columns: Format")) == 2
    kept = form_data(page)
    assert {name: kept[name] for name in wrong if name.startswith(("columns", "totals", "chart", "rules"))} == {
        name: wrong[name] for name in wrong if name.startswith(("columns", "totals", "chart", "rules"))
    }
    assert version_number(small) == 1


def test_a_structure_is_edited_as_yaml_and_in_rows_again(browse: Browse, full: ReportConfiguration) -> None:
    client = browse("alice")
    data = edit_form(client, "full")
    assert (data["columns.as"], data["chart.as"]) == (["form"], ["yaml"]), "the form can't show this chart"
    page = Page(submit(client, data, "yaml columns", "full"))
    yaml = page.field("Columns YAML").value
    assert "currency: EUR" in yaml
    data = form_data(page)
    assert submit(client, data, "save", "full").status_code == 302
    assert version_number(full) == 1, "nothing has changed"
    data = form_data(submit(client, data, "form columns", "full"))
    # PostgreSQL keeps the names of an object in another order.
    (row,) = [name.rpartition(".")[0] for name, values in data.items() if values == ["EUR"]]
    assert data[f"{row}.column"] == ["amount"]
    page = Page(submit(client, data, "form chart", "full"))
    assert "The form can't show all of this." in page.field("Chart YAML").description
    broken = data | as_yaml("columns", "a: [")
    page = Page(submit(client, broken, "form columns", "full"))
    assert "Line 1" in page.field("Columns YAML").description
    assert page.field("Columns YAML").value == "a: ["
