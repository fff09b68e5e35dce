"""Reports with sections over HTTP: their definitions, files, kept rows and conversions."""

from __future__ import annotations

import io
import json
import uuid

import openpyxl
import pytest

from tests.acceptance.helpers import assert_error, temporary_report

REGIONS = {
    "name": "regions",
    "query": "select region, count(*) as sales from sale where day >= :since group by region order by region",
    "columns": {"sales": {"label": "How many"}},
    "totals": {"columns": {"sales": "sum"}},
}
NEWEST = {"name": "newest", "title": "The newest sale", "query": "select max(day) as day from sale"}
REPORT = {
    "query": "",
    "sections": [REGIONS, NEWEST],
    "parameters": [{"name": "since", "type": "date", "default": "2024-01-01"}],
    "formats": ["json", "csv", "xlsx", "ndjson"],
}
ROWS = [["north", 100], ["south", 100], ["west", 100]]


@pytest.fixture(scope="module")
def report(alice):
    with temporary_report(alice, **REPORT) as slug:
        yield slug


@pytest.fixture(scope="module")
def job(bob, report):
    body = {"formats": ["json", "csv"], "section": "newest", "parameters": {"since": "2024-01-01"}}
    job = bob.generate(report, **body)
    assert bob.wait(job)["status"] == "Succeeded"
    return job


def test_json_has_all_sections_and_csv_the_chosen_one(bob, report, job):
    status = bob.get(f"/jobs/{job}").json()
    assert (status["section"], status["result"]["rows"], status["result"]["truncated"]) == ("newest", 4, False)
    found = bob.get(f"/jobs/{job}/result").json()
    day = found["newest"][0]["day"]
    assert found == {"regions": [{"region": name, "sales": n} for name, n in ROWS], "newest": [{"day": day}]}
    assert bob.get(f"/jobs/{job}/result", params={"format": "csv"}).text == f"day\r\n{day}\r\n"
    assert bob.get(f"/reports/{report}").json()["sections"] == [
        {"name": "regions", "title": "Regions"},
        {"name": "newest", "title": "The newest sale"},
    ]


def test_kept_rows_are_read_by_section(bob, job):
    def rows(**parameters):
        return bob.get(f"/jobs/{job}/rows", params=parameters).json()

    assert rows()["columns"][0]["name"] == "day", "that of the csv"
    body = rows(section="regions", sort="-region", limit=2)
    assert (body["rows"], body["total"]) == (ROWS[::-1][:2], 3)
    assert [column["label"] for column in body["columns"]] == ["Region", "How many"]
    error = assert_error(bob.get(f"/jobs/{job}/rows", params={"section": "other"}), 400, "invalid_parameters")
    assert error["fields"] == {"section": ["Must be one of: regions, newest."]}


def test_kept_rows_are_converted_with_all_sections_or_one(alice, bob, job):
    def converted(**body):
        answer = bob.post(f"/jobs/{job}/convert", json=body)
        assert answer.status_code == 202, answer.text
        new = answer.json()["jobId"]
        assert bob.wait(new)["status"] == "Succeeded"
        return bob.get(f"/jobs/{new}/result").content

    book = openpyxl.load_workbook(io.BytesIO(converted(format="xlsx")))
    assert book.sheetnames == ["Regions", "The newest sale", "About this report"]
    assert list(book["Regions"].iter_rows(values_only=True)) == [
        ("Region", "How many"), *map(tuple, ROWS), ("Total", 300),
    ]  # fmt: skip
    lines = converted(format="ndjson", section="regions").splitlines()
    assert [list(json.loads(line).values()) for line in lines] == ROWS
    assert b'"day"' in converted(format="ndjson"), "the section of the converted job"
    for body, sentence in (
        ({"format": "csv", "section": "other"}, "Must be one of: regions, newest."),
        ({"format": "xlsx", "section": "regions"}, "Only files of the formats csv, ndjson, parquet have one section."),
    ):
        error = assert_error(bob.post(f"/jobs/{job}/convert", json=body), 400, "invalid_parameters")
        assert sentence in error["fields"]["section"][0]


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"format": "csv", "section": "other"}, "Must be one of: regions, newest."),
        ({"format": "json", "section": "newest"}, "Only files of the formats csv, ndjson, parquet have one section."),
        ({"section": "newest"}, "Only files of the formats"),
        ({"format": "csv", "section": ""}, "This field may not be blank."),
        ({"format": "csv", "section": 7}, "Must be one of: regions, newest."),
        ({"format": "csv", "section": ["newest"]}, "Not a valid string."),
    ],
)
def test_a_section_that_makes_no_sense_is_refused(bob, report, body, sentence):
    error = assert_error(bob.post(f"/reports/{report}/generate", json=body), 400, "invalid_parameters")
    assert list(error["fields"]) == ["section"] and sentence in error["fields"]["section"][0]


def test_a_report_without_sections_has_none_to_choose(bob):
    answer = bob.post("/reports/sales-by-region/generate", json={"format": "csv", "section": "one"})
    error = assert_error(answer, 400, "invalid_parameters")
    assert error["fields"] == {"section": ["The report has no sections."]}
    assert bob.get("/reports/sales-by-region").json()["sections"] == []


def test_the_section_counts_where_results_and_requests_are_compared(bob, report):
    first = bob.generate(report, format="csv", section="newest")
    assert bob.wait(first)["status"] == "Succeeded"

    def again(**body):
        return bob.post(f"/reports/{report}/generate", json={"format": "csv", "max_age": 600, **body})

    assert again(section="newest").json()["jobId"] == first
    regions = again(section="regions")
    assert "Reused" not in regions.headers and bob.wait(regions.json()["jobId"])["status"] == "Succeeded"
    assert again().json()["jobId"] == regions.json()["jobId"], "the first section by default"
    key = {"Idempotency-Key": uuid.uuid4().hex}
    path = f"/reports/{report}/generate"
    assert bob.post(path, json={"format": "csv", "section": "newest"}, headers=key).status_code == 202
    other = bob.post(path, json={"format": "csv", "section": "regions"}, headers=key)
    assert_error(other, 422, "idempotency_key_reused")


def test_limits_count_all_sections(alice, bob):
    with temporary_report(alice, **REPORT, max_rows=3) as report:
        job = bob.generate(report)
        assert bob.wait(job)["result"]["truncated"] is True
        found = bob.get(f"/jobs/{job}/result").json()
        assert (len(found["regions"]), found["newest"]) == (3, [])


@pytest.mark.parametrize(
    ("changes", "field", "sentence"),
    [
        ({"query": "select 1 as one"}, "query", "Leave it out: the report has sections, each with its own query."),
        ({"sections": []}, "query", "This field is required, unless the report has sections."),
        ({"sections": [REGIONS, {"name": "b"}]}, "sections[1].query", "This field is required."),
        ({"sections": [REGIONS, REGIONS]}, "sections[1].name", "Duplicate of an earlier entry."),
        ({"sections": [REGIONS | {"name": "a b"}]}, "sections[0].name", "Use letters, digits, - and _ only."),
        ({"sections": [REGIONS | {"query": "select :x, :since as since"}]}, "sections[0].query", ":x isn't defined."),
        ({"sections": [REGIONS, NEWEST | {"query": "select 1; select 2"}]}, "sections[1].query", "one statement"),
        ({"sections": [NEWEST]}, "parameters[0].name", "No section uses :since."),
        ({"totals": {"columns": {"a": "sum"}}}, "totals", "Leave it out: each section has its own."),
        (
            {"sections": [REGIONS, NEWEST | {"columns": {"x": {"label": "X"}}}]},
            "sections[1].columns.x",
            "The query has no column x. It has day.",
        ),
    ],
)
def test_a_wrong_definition_is_said_on_its_field(alice, changes, field, sentence):
    definition = {"slug": "wrong", "name": "Wrong", "data_source": "sales", **REPORT, **changes}
    error = assert_error(alice.post("/reports", json=definition), 400, "invalid_definition")
    assert list(error["fields"]) == [field] and sentence in error["fields"][field][0], error["fields"]


def test_validation_checks_and_previews_each_section(alice, report):
    answer = alice.post(f"/reports/{report}/validate", json={"preview": True}).json()
    assert (answer["valid"], answer["estimatedRows"], len(answer["columns"])) == (True, 4, 2)
    assert [(section["name"], section["title"]) for section in answer["sections"]] == [
        ("regions", "Regions"), ("newest", "The newest sale"),
    ]  # fmt: skip
    assert answer["sections"][0]["preview"]["rows"][0] == ["north", "100"] == answer["preview"]["rows"][0]
    definition = alice.get(f"/reports/{report}").json()["definition"]
    definition["sections"][1]["totals"] = {"columns": {"no": "sum"}}
    answer = alice.post(f"/reports/{report}/validate", json={"definition": definition}).json()
    assert answer["faults"][0].startswith("Section newest: totals.columns.no: The query has no column no.")


def test_a_schedule_has_a_section(alice, report):
    slug = f"s-{uuid.uuid4().hex[:8]}"
    body = {"slug": slug, "report": report, "cron": "0 5 1 1 *", "formats": ["csv"], "section": "newest"}
    for wrong, sentence in (
        ({"section": "other"}, "Must be one of: regions, newest."),
        ({"formats": ["xlsx"]}, "Only files of the formats"),
        ({"report": "sales-by-region"}, "The report has no sections."),
    ):
        error = assert_error(alice.post("/schedules", json=body | wrong), 400, "invalid_definition")
        assert list(error["fields"]) == ["section"] and sentence in error["fields"]["section"][0]
    created = alice.post("/schedules", json=body)
    assert created.status_code == 201, created.text
    assert created.json()["definition"]["section"] == "newest"
    job = alice.post(f"/schedules/{slug}/run").json()["jobId"]
    assert (alice.wait(job)["status"], alice.get(f"/jobs/{job}").json()["section"]) == ("Succeeded", "newest")
    assert alice.get(f"/jobs/{job}/result").text.startswith("day\r\n")
    assert alice.request("DELETE", f"/schedules/{slug}").status_code == 204
