"""US-094: the same request under the same Idempotency-Key makes one job."""

from __future__ import annotations

import uuid

import pytest

from tests.acceptance.helpers import GENERATE, at_once, counts, query, refused
from tests.server import Client

NORTH = {"parameters": {"region": "north"}}


def ask(person: Client, key: str | bytes, body: object = NORTH, path: str = GENERATE):
    return person.post(path, json=body, headers={"Idempotency-Key": key})


@pytest.fixture
def key() -> str:
    return f"key-{uuid.uuid4()}"


def test_us094_the_same_key_and_body_answer_with_the_first_job(idle, idle_bob, key):
    first = ask(idle_bob, key)
    before = counts(idle)
    again = ask(idle_bob, key)
    assert (first.status_code, again.status_code) == (202, 202)
    assert again.json() == first.json()
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.headers["Location"] == first.headers["Location"]
    assert "Idempotency-Replayed" not in first.headers
    assert counts(idle) == before


def test_us094_a_body_that_means_the_same_is_the_same(idle_bob, key):
    first = ask(idle_bob, key, {"parameters": {"region": "north", "since": "2024-02-01"}, "format": None})
    again = idle_bob.post(
        GENERATE,
        content=b'{ "parameters": {"since": "2024-02-01",  "region": "n\\u006frth"}}',
        headers={"Idempotency-Key": key, "Content-Type": "application/json"},
    )
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.json()["jobId"] == first.json()["jobId"]


def test_us094_the_same_key_with_another_body_is_refused_and_queues_nothing(idle, idle_bob, key):
    ask(idle_bob, key)
    before = counts(idle)
    for other in ({}, {"parameters": {"region": "south"}}, NORTH | {"format": "json"}):
        refused(ask(idle_bob, key, other), 422, "idempotency_key_reused")
    assert counts(idle) == before


def test_us094_two_calls_at_once_under_one_key_make_one_job(idle, idle_bob, key):
    answers = at_once(*[lambda: ask(idle_bob, key)] * 6)
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["jobId"] for answer in answers}) == 1
    assert sum("Idempotency-Replayed" not in answer.headers for answer in answers) == 1
    rows = query(idle, "select id from jobs_jobexecutionlog where idempotency_key = ?", key)
    assert len(rows) == 1


def test_us094_a_key_belongs_to_its_caller(idle, idle_bob, key):
    other = ask(idle.client("erin"), key)
    assert ask(idle_bob, key).json()["jobId"] != other.json()["jobId"]


def test_us094_without_a_key_every_call_makes_a_job(idle_bob):
    first, second = (idle_bob.post(GENERATE, json=NORTH).json()["jobId"] for _ in range(2))
    assert first != second


def test_us094_a_quoted_key_equals_the_bare_one(idle_bob, key):
    first = ask(idle_bob, key)
    again = ask(idle_bob, f'"{key}"')
    assert (again.json()["jobId"], again.headers["Idempotency-Replayed"]) == (first.json()["jobId"], "true")


def test_us094_a_key_may_have_255_characters(idle_bob, key):
    assert ask(idle_bob, key.ljust(255, "x")).status_code == 202


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
def test_us094_a_key_may_have_any_character_that_is_no_control_character(idle, idle_bob, key, odd):
    sent = key.encode() + (odd if isinstance(odd, bytes) else odd.encode())
    first, again = (ask(idle_bob, sent) for _ in range(2))
    assert (first.status_code, again.status_code) == (202, 202), first.text
    assert (again.json()["jobId"], again.headers["Idempotency-Replayed"]) == (first.json()["jobId"], "true")


def test_us094_a_key_is_its_characters_however_they_are_encoded(idle_bob, key):
    first, again, other = (ask(idle_bob, sent).json() for sent in (
        f"{key}é".encode(), f"{key}é".encode("latin-1"), f"{key}è".encode()
    ))  # fmt: skip
    assert first == again
    assert first != other
    assert ask(idle_bob, (key + "é" * 255)[:255].encode()).status_code == 202


@pytest.mark.parametrize("bad", ["", '""', "x" * 256, ("é" * 256).encode(), "a\x85b".encode()])
def test_us094_an_invalid_key_is_refused_and_queues_nothing(idle, idle_bob, bad):
    before = counts(idle)
    refused(ask(idle_bob, bad), 400, "invalid_idempotency_key")
    assert counts(idle) == before


def test_us094_a_refused_request_leaves_its_key_free(idle_bob, key):
    refused(ask(idle_bob, key, {"parameters": {"region": 5}}), 400, "invalid_parameters")
    answer = ask(idle_bob, key)
    assert answer.status_code == 202
    assert "Idempotency-Replayed" not in answer.headers
