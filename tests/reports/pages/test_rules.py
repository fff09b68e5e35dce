"""Rules between parameters on the page that runs a report, while its form is filled in."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlencode

import pytest
from bs4 import BeautifulSoup
from django.test import Client

from reports import actions
from reports.definitions import parse_report
from reports.models import DataSource, ReportConfiguration
from tests.reports.pages.full_report import FULL_REPORT

MESSAGE = "From must not be after To."
PARAMETERS = [
    {"name": "start", "type": "date", "required": True, "label": "From"},
    {"name": "end", "type": "date", "label": "To"},
    {"name": "top", "type": "integer", "required": True, "help": "How many."},
]
LATE = {"param.start": "2024-02-01", "param.end": "2024-01-01"}


@pytest.fixture
def ruled(source: DataSource) -> ReportConfiguration:
    entry = {name: FULL_REPORT[name] for name in ("tenant", "data_source", "formats")}
    entry |= {"slug": "ruled", "name": "Ruled", "query": "select :start, :end, :top", "parameters": PARAMETERS}
    entry |= {"rules": [{"check": "start <= end", "message": MESSAGE}]}
    return actions.create_report(definition=parse_report(entry), tenant=source.tenant, actor="tester")


@pytest.fixture
def alice(browse: Callable[[str], Client], ruled: ReportConfiguration) -> Client:
    return browse("alice")


def parsed(answer: object) -> BeautifulSoup:
    return BeautifulSoup(answer.content, "html.parser")  # type: ignore[attr-defined]


def texts(alice: Client, **fields: str) -> dict[str, str]:
    """Return what is to be said while these texts are in the form, by the id of its place."""
    answer = alice.post("/reports/ruled/rules", {f"param.{name}": text for name, text in fields.items()})
    assert answer.status_code == 200
    return {str(part["id"]): part.get_text(" ", strip=True) for part in parsed(answer).find_all(id=True)}


def test_a_broken_rule_is_said_at_both_fields_and_once_in_the_live_region(alice: Client) -> None:
    said = texts(alice, start="2024-02-01", end="2024-01-01")
    assert said == {"field-start-rules": MESSAGE, "field-end-rules": MESSAGE, "rules-status": MESSAGE}


@pytest.mark.parametrize(
    ("start", "end"), [("2024-01-01", "2024-01-01"), ("2024-02-01", ""), ("2024-0", "2024-01-01"), ("today", "now+1d")]
)
def test_nothing_is_said_of_a_rule_that_is_met_or_of_fields_that_are_not_complete(
    alice: Client, start: str, end: str
) -> None:
    assert set(texts(alice, start=start, end=end).values()) == {""}


def test_fields_in_a_rule_are_described_by_it(alice: Client) -> None:
    page = parsed(alice.get("/reports/ruled"))
    described = {name: page.find(attrs={"name": f"param.{name}"})["aria-describedby"] for name in ("start", "top")}  # type: ignore[index]
    assert described == {"start": "field-start-rules field-start-help", "top": "field-top-help"}
    assert page.find(id="rules-status", role="status")


def test_a_link_shows_the_rules_that_its_values_break(alice: Client) -> None:
    page = parsed(alice.get(f"/reports/ruled?{urlencode(LATE)}"))
    assert page.find(id="field-end-rules").get_text(strip=True) == MESSAGE  # type: ignore[union-attr]
    assert page.find(attrs={"name": "param.end"})["aria-invalid"] == "true"  # type: ignore[index]


def test_a_refused_form_says_a_broken_rule_once_at_each_field(alice: Client) -> None:
    page = parsed(alice.post("/reports/ruled", {**LATE, "format": "csv"}))
    field = page.find(id="field-end").find_parent(class_="field")  # type: ignore[union-attr]
    assert field.get_text().count(MESSAGE) == 1  # type: ignore[union-attr]
    missing = page.find(id="field-top").find_parent(class_="field")  # type: ignore[union-attr]
    assert "This parameter is required." in missing.get_text()  # type: ignore[union-attr]


def test_only_those_who_can_run_the_report_ask_for_its_rules(
    browse: Callable[[str], Client], ruled: ReportConfiguration
) -> None:
    assert browse("bob").post("/reports/ruled/rules", LATE).status_code == 403
    assert browse("gina").post("/reports/ruled/rules", LATE).status_code == 404
