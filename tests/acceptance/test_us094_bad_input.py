"""US-094: all errors of a request are reported together, and nothing is queued."""

from __future__ import annotations

import pytest

from tests.acceptance.helpers import GENERATE, assert_error, row_counts

JSON = {"Content-Type": "application/json"}


@pytest.fixture(autouse=True)
def nothing_is_queued(idle, idle_bob):
    before = row_counts(idle)
    yield
    assert row_counts(idle) == before


def test_us094_all_invalid_parameters_are_reported_together(idle_bob):
    parameters = {"region": 5, "since": "yesterday", "colour": "red"}
    body = assert_error(idle_bob.post(GENERATE, json={"parameters": parameters}), 400, "invalid_parameters")
    assert sorted(body["fields"]) == ["colour", "region", "since"]
    assert all(sentence for sentences in body["fields"].values() for sentence in sentences)


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({}, "rows"),
        ({"rows": None}, "rows"),
        ({"rows": "ten"}, "rows"),
        ({"rows": 1.5}, "rows"),
        ({"rows": True}, "rows"),
        ({"rows": 0}, "rows"),
        ({"rows": [1]}, "rows"),
        ({"rows": {"a": 1}}, "rows"),
        ({"rows": 10**400}, "rows"),
        ({"rows": 1, "copies": 101}, "copies"),
        ({"rows": 1, "": 1}, ""),
        ({"rows": 1, "x" * 5000: 1}, None),
    ],
)
def test_us094_a_missing_or_invalid_parameter_is_named(idle_bob, parameters, field):
    body = assert_error(
        idle_bob.post("/reports/many-rows/generate", json={"parameters": parameters}), 400, "invalid_parameters"
    )
    assert len(body["fields"]) == 1
    assert field is None or field in body["fields"]


@pytest.mark.parametrize("region", [r"a\u0000b", "x" * 21, r"\ud800"])
def test_us094_a_text_that_cannot_be_stored_or_is_too_long_is_refused(idle_bob, region):
    content = f'{{"parameters": {{"region": "{region}"}}}}'
    body = assert_error(idle_bob.post(GENERATE, content=content, headers=JSON), 400, "invalid_parameters")
    assert list(body["fields"]) == ["region"]


def test_us094_an_unavailable_format_is_refused_with_the_available_ones(idle_bob):
    body = assert_error(idle_bob.post("/reports/slow/generate", json={"format": "pdf"}), 400, "invalid_parameters")
    assert body["fields"] == {"format": ["Must be one of: csv."]}


@pytest.mark.parametrize(
    "body",
    [
        {"parameters": {}, "colour": "red"},
        {"Parameters": {}},
        {"parameters": []},
        {"parameters": None},
        {"parameters": "region=north"},
        {"format": 5},
        {"format": ["csv"]},
        {"format": {}},
        {"format": ""},
        {"format": "x" * 1000},
    ],
)
def test_us094_an_unknown_or_mistyped_member_of_the_body_is_refused(idle_bob, body):
    answer = idle_bob.post(GENERATE, json=body)
    assert answer.status_code == 400, answer.text
    assert answer.json()["code"] == "invalid_parameters"


@pytest.mark.parametrize("body", [b"[]", b'"text"', b"5", b"null", b"true", b"[{}]"])
def test_us094_a_body_that_is_not_an_object_is_refused(idle_bob, body):
    assert_error(idle_bob.post(GENERATE, content=body, headers=JSON), 400, "invalid_parameters")


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b'{"parameters":',
        b"parameters=1",
        b"\xff\xfe{}",
        b'{"parameters": {"region": "\xe9"}}',
        b"{'parameters': {}}",
        b'{"parameters": {"region": NaN}}',
        b"[" * 100_000,
        b'{"parameters":' * 50_000,
        b"<xml/>",
        b"\x00",
    ],
)
def test_us094_malformed_json_is_refused(idle_bob, body):
    assert_error(idle_bob.post(GENERATE, content=body, headers=JSON), 400, "malformed_json")


def test_us094_a_name_with_a_lone_surrogate_is_refused_with_valid_json(idle_bob):
    answer = idle_bob.post(GENERATE, content=rb'{"\ud800": 1}', headers=JSON)
    assert_error(answer, 400, "invalid_parameters")
    answer = idle_bob.post(GENERATE, content=rb'{"parameters": {"\ud800": 1}}', headers=JSON)
    assert_error(answer, 400, "invalid_parameters")


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/xml"],
)
def test_us094_a_body_that_is_not_json_is_refused(idle_bob, content_type):
    answer = idle_bob.post(GENERATE, content=b"{}", headers={"Content-Type": content_type})
    assert_error(answer, 415, "unsupported_media_type")


def test_us094_a_huge_body_is_refused(idle_bob):
    body = b'{"parameters": {"region": "' + b"x" * 2_000_000 + b'"}}'
    assert_error(
        idle_bob.post(GENERATE, content=body, headers=JSON | {"Connection": "close"}), 413, "request_too_large"
    )
