"""GET /api/v1/reports/{key}/parameters/{name}/choices, and values that generate looks up."""

from __future__ import annotations

import io
import sqlite3
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from jobs.models import JobExecutionLog
from reports.definitions.from_database import definition_of
from reports.models import DataSource, ReportConfiguration
from tests.reports.api.clients import client
from tests.reports.choices.conftest import with_choices
from tests.reports.definitions.sample_file import apply_definitions
from tests.reports.deleted_sources import delete_source

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.usefixtures("places")]
URL = "/api/v1/reports/carrier-delays"
ENDLESS = "with recursive n(i) as (select 1 union all select i + 1 from n) select max(i) from n"


def choices(name: str, query: str = "", username: str = "bob", status: int = 200) -> dict[str, Any]:
    answer = client(username).get(f"{URL}/parameters/{name}/choices{query}")
    assert answer.status_code == status, answer.content
    return dict(answer.json())


def generate(status: int = 202, **parameters: object) -> dict[str, Any]:
    answer = client("bob").post(f"{URL}/generate", {"parameters": parameters}, format="json")
    assert answer.status_code == status, answer.content
    assert JobExecutionLog.objects.count() == (1 if status == 202 else 0)
    return dict(answer.json())


def change_query(name: str, query: str, tmp_path: Path, **fields: str) -> None:
    data = with_choices()
    parameters = data["reports"][0]["parameters"] = [dict(each) for each in data["reports"][0]["parameters"]]
    for parameter in parameters:
        if parameter["name"] == name:
            parameter["choices_query"] = {**parameter["choices_query"], "query": query, **fields}
    apply_definitions(tmp_path, data)


def test_values_and_labels_in_the_order_of_the_query() -> None:
    assert choices("country") == {
        "choices": [{"value": "DE", "label": "DE"}, {"value": "FR", "label": "FR"}],
        "more": False,
    }
    assert choices("airport", "?p.country=DE")["choices"] == [
        {"value": "BER", "label": "Berlin"},
        {"value": "HAM", "label": "Hamburg"},
        {"value": "MUC", "label": "Köln/München"},
    ]


def test_null_and_repeated_values_are_left_out_and_numbers_are_numbers() -> None:
    assert choices("number")["choices"] == [{"value": 1, "label": "1"}, {"value": 2, "label": "2"}]


@pytest.mark.parametrize(("text", "found"), [("MÜN", ["MUC"]), ("ham", ["HAM"]), ("cdg", []), ("%", []), ("\0", [])])
def test_a_search_finds_values_and_labels_in_any_case(text: str, found: list[str]) -> None:
    answer = client("bob").get(f"{URL}/parameters/airport/choices", {"q": text, "p.country": "DE"})
    assert [choice["value"] for choice in answer.json()["choices"]] == found


def test_a_page_is_limited_and_says_that_there_are_more(tmp_path: Path) -> None:
    assert choices("country", "?limit=1") == {"choices": [{"value": "DE", "label": "DE"}], "more": True}
    numbers = "with recursive n(i) as (select 1 union all select i + 1 from n limit 300) select i from n"
    change_query("number", numbers, tmp_path)
    page = choices("number", "?limit=5000")
    assert len(page["choices"]) == 200 and page["more"]
    assert choices("number", "?q=299")["choices"] == [{"value": 299, "label": "299"}]
    assert "limit" in choices("number", "?limit=0", status=400)["fields"]


def test_parents_are_checked_against_their_own_choices_first() -> None:
    assert choices("airport", "?p.country=XX", status=400)["fields"] == {"country": ["“XX” is not one of the choices."]}
    assert choices("airport", status=400)["fields"] == {"country": ["This parameter is required."]}
    assert "nobody" in choices("airport", "?p.country=DE&p.nobody=1", status=400)["fields"]


@pytest.mark.parametrize(("name", "username", "status"), [("nobody", "bob", 404), ("country", "bob", 200)])
def test_what_has_no_choices_is_missing(name: str, username: str, status: int) -> None:
    choices(name, username=username, status=status)


def test_it_needs_the_generate_grant(tmp_path: Path) -> None:
    apply_definitions(tmp_path, with_choices(grants={"view": ["user:bob"]}))
    assert choices("country", status=403)["code"] == "permission_denied"


def test_generate_looks_every_value_up_and_keeps_the_labels() -> None:
    generate(country="DE", airport=["MUC", "BER"], number=2)
    job = JobExecutionLog.objects.get()
    assert job.parameters == {"country": "DE", "airport": ["MUC", "BER"], "number": 2}
    assert job.parameter_labels == {"country": "DE", "airport": ["Köln/München", "Berlin"], "number": "2"}


@pytest.mark.parametrize(
    ("parameters", "fields"),
    [
        ({"country": "XX", "airport": ["BER"]}, {"country": ["“XX” is not one of the choices."]}),
        (
            {"country": "DE", "airport": ["BER", "CDG"], "number": 3},
            {
                "airport": ["“CDG” is not one of the choices for Country “DE”."],
                "number": ["“3” is not one of the choices."],
            },
        ),
    ],
)
def test_a_value_that_is_not_among_them_is_refused(parameters: dict[str, Any], fields: dict[str, list[str]]) -> None:
    answer = generate(400, **parameters)
    assert (answer["code"], answer["fields"]) == ("invalid_parameters", fields)


def test_a_missing_value_is_reported_without_asking_the_source(places: Path) -> None:
    places.unlink()
    assert generate(400)["fields"] == {"country": ["This parameter is required."]}


def test_a_source_that_is_down_is_503_and_leaves_no_job(places: Path) -> None:
    places.unlink()
    for body in (choices("country", status=503), generate(503, country="DE")):
        assert body["code"] == "choices_unavailable"
        assert "places.db" not in body["error"] and "choices of Country" in body["error"]
    delete_source("places")
    assert generate(503, country="DE")["code"] == "choices_unavailable"


def test_a_query_that_takes_longer_than_five_seconds_is_503(tmp_path: Path) -> None:
    change_query("number", ENDLESS, tmp_path)
    started = time.monotonic()
    body = generate(503, country="DE", number=1)
    assert time.monotonic() - started < 9
    assert (body["code"], body["error"]) == ("choices_unavailable", "The choices of Number took longer than 5 seconds.")


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("select 1, 2, 3", "Its query returns 3 columns. It must return the value and, in a second one, its label."),
        ("select 'one'", "Its query returns “one”, where each value must be a whole number."),
        ("select nonsense", "The query names a table or column that does not exist."),
    ],
)
def test_an_authors_mistake_is_a_clear_sentence_and_values_stay_out_of_the_log(
    query: str, sentence: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    change_query("number", query, tmp_path)
    assert choices("number", status=503)["error"] == f"The choices of Number can't be read. {sentence}"
    logged = [record.getMessage() for record in caplog.records if record.name.startswith("reports.")]
    assert logged == ["The choices of number can't be read."]


def test_a_check_of_the_report_tells_what_is_wrong_with_its_choices(tmp_path: Path) -> None:
    report = ReportConfiguration.objects.get(slug="carrier-delays")
    for query, sentence in (
        ("select 'one'", "The choices of Number can't be read. Its query returns “one”, where each value must be"),
        ("select 1 where 0", "Number has no choices: its query returns no values."),
        ("select 1, 'One' union all select 1, 'Again'", ""),
    ):
        definition = definition_of(report).entry()
        definition["parameters"][2]["choices_query"] = {"query": query}
        unsaved = client("alice").post(f"{URL}/validate", {"definition": definition}, format="json").json()["faults"]
        change_query("number", query, tmp_path)
        stored = client("alice").post(f"{URL}/validate", {}, format="json").json()["faults"]
        printed = io.StringIO()
        with suppress(SystemExit):
            call_command("check_reports", "carrier-delays", stdout=printed)
        assert unsaved == stored
        assert [error.startswith(sentence) for error in stored] == ([True] if sentence else [])
        assert sentence in printed.getvalue()


def test_a_query_without_rows_has_no_choices(tmp_path: Path) -> None:
    change_query("number", "select 1 where 0", tmp_path)
    assert choices("number") == {"choices": [], "more": False}
    assert generate(400, country="DE", number=1)["fields"] == {"number": ["“1” is not one of the choices."]}


def test_a_million_choices_are_searched_within_the_time(tmp_path: Path) -> None:
    many = "select range, 'No. ' || range from range(1000001)"
    change_query("number", many, tmp_path, data_source="folder")
    assert [choice["label"] for choice in choices("number", "?q=999999")["choices"]] == ["No. 999999"]
    generate(country="DE", number=1_000_000)
    assert JobExecutionLog.objects.get().parameter_labels["number"] == "No. 1000000"


def test_a_renamed_data_source_stays_the_same(tmp_path: Path) -> None:
    DataSource.objects.filter(slug="places").update(slug="cities")
    assert choices("country")["choices"]
    entry = client("alice").get(URL).json()["definition"]
    assert [each.get("choices_query", {}).get("data_source") for each in entry["parameters"]] == [
        "cities",
        "cities",
        None,
    ]
    assert entry["parameters"][1]["choices_query"]["query"].startswith("select code, name")
    answer = client("alice").put(URL, entry, format="json")
    assert (answer.status_code, answer.json()["version"]) == (200, 1)


def test_clients_learn_which_parameters_have_choices_and_their_parents() -> None:
    properties = client("bob").get(URL).json()["parameters"]["properties"]
    assert properties["airport"]["x-choicesQuery"] == {"parents": ["country"]}
    assert properties["country"]["x-choicesQuery"] == {"parents": []}


def test_a_retry_keeps_value_and_label_after_the_choice_is_gone(places: Path) -> None:
    generate(country="DE")
    JobExecutionLog.objects.update(status="Failed", error_code="x", ended_at="2026-01-01T00:00Z")
    with closing(sqlite3.connect(places)) as database, database:
        database.execute("delete from airport")
    job = JobExecutionLog.objects.get()
    answer = client("alice").post(f"/api/v1/jobs/{job.pk}/retry")
    assert answer.status_code == 202, answer.content
    assert JobExecutionLog.objects.get(retry_of=job).parameter_labels == {"country": "DE"}
