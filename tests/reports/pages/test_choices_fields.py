"""Fields of the run form whose choices come from a query."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from django.test import Client

from accounts.models import User
from jobs.models import JobExecutionLog
from tests.reports.choices.conftest import with_choices
from tests.reports.definitions.sample_file import apply_definitions

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.usefixtures("places")]
PAGE = "/reports/carrier-delays"


@pytest.fixture
def bob(places: Path, tmp_path: Path) -> Client:
    data = with_choices()
    # A field for several values is a text area.
    parameters = [dict(parameter) for parameter in data["reports"][0]["parameters"]]
    parameters[1].pop("multiple")
    data["reports"][0] |= {"parameters": parameters}
    apply_definitions(tmp_path, data)
    client = Client()
    client.force_login(User.objects.get(username="bob"))
    return client


@pytest.fixture
def options(bob: Client) -> Callable[..., tuple[dict[str, str], str]]:
    """Return a function that returns the options of a field by value, and what its live region says."""

    def shown(name: str, **fields: str) -> tuple[dict[str, str], str]:
        answer = bob.get(f"{PAGE}/choices/{name}", {f"param.{field}": text for field, text in fields.items()})
        assert answer.status_code == 200
        part = BeautifulSoup(answer.content, "html.parser")
        found = {str(option["value"]): str(option.get("label", "")) for option in part.find_all("option")}
        region = part.find("p", id=f"field-{name}-choices")
        assert region
        return found, " ".join(region.get_text().split())

    return shown


def test_a_field_is_a_text_field_that_offers_choices(bob: Client) -> None:
    page = BeautifulSoup(bob.get(PAGE).content, "html.parser")
    field = page.find("input", {"name": "param.airport"})
    assert field and field["data-parents"] == "country" and field["hx-get"] == f"{PAGE}/choices/airport"
    assert page.find("datalist", id=field["list"]) and page.find(id="field-airport-choices", role="status")


def test_options_have_labels_and_the_region_says_what_a_value_means(options: Callable[..., tuple]) -> None:
    assert options("airport", country="DE") == ({"BER": "Berlin", "HAM": "Hamburg", "MUC": "Köln/München"}, "")
    assert options("airport", country="DE", airport="HAM") == ({"HAM": "Hamburg"}, "= Hamburg")
    assert options("airport", country="DE", airport="xyz") == ({}, "No choices contain this text.")
    assert options("airport") == ({}, "Choose Country first.")
    assert options("airport", country="XX") == ({}, "Choose Country first.")


def test_a_source_that_is_down_is_said_in_the_region(options: Callable[..., tuple], places: Path) -> None:
    places.unlink()
    found, sentence = options("country")
    assert found == {} and sentence.startswith("The choices of Country can't be read.")


def test_no_rows_are_said_in_the_region(options: Callable[..., tuple], places: Path) -> None:
    with closing(sqlite3.connect(places)) as database, database:
        database.execute("delete from airport")
    assert options("country") == ({}, "There are no choices.")


def test_a_wrong_value_is_refused_at_its_field_and_a_right_one_runs(bob: Client) -> None:
    fields = {"param.country": "DE", "param.airport": "CDG", "param.number": "", "format": "csv"}
    page = BeautifulSoup(bob.post(PAGE, fields).content, "html.parser")
    field = page.find("input", {"name": "param.airport"})
    assert field and field["value"] == "CDG" and field["aria-invalid"] == "true"
    assert "“CDG” is not one of the choices for Country “DE”." in page.get_text()
    answer = bob.post(PAGE, fields | {"param.airport": "HAM"})
    job = JobExecutionLog.objects.get()
    assert (answer.status_code, job.parameter_labels["airport"]) == (302, "Hamburg")
    detail = BeautifulSoup(bob.get(f"/jobs/{job.pk}").content, "html.parser").get_text()
    assert "Hamburg" in detail and "HAM" in detail


def test_choices_need_the_right_to_run(bob: Client, tmp_path: Path) -> None:
    apply_definitions(tmp_path, with_choices(grants={"view": ["user:bob"]}))
    assert bob.get(f"{PAGE}/choices/country").status_code == 403
