"""US-094: repeating a request with the same Idempotency-Key creates one job."""

from __future__ import annotations

import uuid

import pytest

from tests.acceptance.helpers import GENERATE, assert_error, query, row_counts, run_concurrently
from tests.server import Client

NORTH = {"parameters": {"region": "north"}}


def submit(client: Client, key: str | bytes, body: object = NORTH, path: str = GENERATE):
    return client.post(path, json=body, headers={"Idempotency-Key": key})


@pytest.fixture
def key() -> str:
    return f"key-{uuid.uuid4()}"


def test_us094_the_same_key_and_body_return_the_first_job(idle, idle_bob, key):
    first = submit(idle_bob, key)
    before = row_counts(idle)
    again = submit(idle_bob, key)
    assert (first.status_code, again.status_code) == (202, 202)
    assert again.json() == first.json()
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.headers["Location"] == first.headers["Location"]
    assert "Idempotency-Replayed" not in first.headers
    assert row_counts(idle) == before


def test_us094_an_equivalent_body_counts_as_the_same(idle_bob, key):
    first = submit(idle_bob, key, {"parameters": {"region": "north", "since": "2024-02-01"}, "format": None})
    again = idle_bob.post(
        GENERATE,
        content=b'{ "parameters": {"since": "2024-02-01",  "region": "n\\u006frth"}}',
        headers={"Idempotency-Key": key, "Content-Type": "application/json"},
    )
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.json()["jobId"] == first.json()["jobId"]


def test_us094_the_same_key_with_another_body_is_refused_and_queues_nothing(idle, idle_bob, key):
    submit(idle_bob, key)
    before = row_counts(idle)
    for other in ({}, {"parameters": {"region": "south"}}, NORTH | {"format": "json"}):
        assert_error(submit(idle_bob, key, other), 422, "idempotency_key_reused")
    assert row_counts(idle) == before


def test_us094_concurrent_calls_with_one_key_create_one_job(idle, idle_bob, key):
    answers = run_concurrently(*[lambda: submit(idle_bob, key)] * 6)
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["jobId"] for answer in answers}) == 1
    assert sum("Idempotency-Replayed" not in answer.headers for answer in answers) == 1
    rows = query(idle, "select id from jobs_jobexecutionlog where idempotency_key = ?", key)
    assert len(rows) == 1


def test_us094_a_key_belongs_to_its_caller(idle, idle_bob, key):
    other = submit(idle.client("erin"), key)
    assert submit(idle_bob, key).json()["jobId"] != other.json()["jobId"]


def test_us094_every_call_without_a_key_creates_a_job(idle_bob):
    first, second = (idle_bob.post(GENERATE, json=NORTH).json()["jobId"] for _ in range(2))
    assert first != second


def test_us094_a_quoted_key_equals_the_bare_one(idle_bob, key):
    first = submit(idle_bob, key)
    again = submit(idle_bob, f'"{key}"')
    assert (again.json()["jobId"], again.headers["Idempotency-Replayed"]) == (first.json()["jobId"], "true")


def test_us094_a_key_may_have_255_characters(idle_bob, key):
    assert submit(idle_bob, key.ljust(255, "x")).status_code == 202


@pytest.mark.parametrize(
    "odd",
    [
        " two words",
        "-a\tb",
        "-é".encode("latin-1"),
        "-é".encode(),
        "-ключ".encode(),
        '-"a',
        "-~!@#$%^&*()[]{}<>|;,=\\/'",
    ],
)
def test_us094_a_key_may_have_any_character_except_control_characters(idle, idle_bob, key, odd):
    sent = key.encode() + (odd if isinstance(odd, bytes) else odd.encode())
    first, again = (submit(idle_bob, sent) for _ in range(2))
    assert (first.status_code, again.status_code) == (202, 202), first.text
    assert (again.json()["jobId"], again.headers["Idempotency-Replayed"]) == (first.json()["jobId"], "true")


def test_us094_a_key_is_the_same_in_utf_8_and_latin_1(idle_bob, key):
    first, again, other = (submit(idle_bob, sent).json() for sent in (
        f"{key}é".encode(), f"{key}é".encode("latin-1"), f"{key}è".encode()
    ))  # fmt: skip
    assert first == again
    assert first != other
    assert submit(idle_bob, (key + "é" * 255)[:255].encode()).status_code == 202


@pytest.mark.parametrize("bad", ["", '""', "x" * 256, ("é" * 256).encode(), "a\x85b".encode()])
def test_us094_an_invalid_key_is_refused_and_queues_nothing(idle, idle_bob, bad):
    before = row_counts(idle)
    assert_error(submit(idle_bob, bad), 400, "invalid_idempotency_key")
    assert row_counts(idle) == before


def test_us094_a_refused_request_does_not_use_up_its_key(idle_bob, key):
    assert_error(submit(idle_bob, key, {"parameters": {"region": 5}}), 400, "invalid_parameters")
    answer = submit(idle_bob, key)
    assert answer.status_code == 202
    assert "Idempotency-Replayed" not in answer.headers
