"""T5.3 and US-094: limits on unfinished jobs and on calls per minute."""

from __future__ import annotations

import re
import time
import uuid

import pytest

from tests.acceptance.conftest import SMALL
from tests.acceptance.helpers import GENERATE, assert_error, row_counts, run_concurrently, wait_for_window

RATE_API, RATE_GENERATE = int(SMALL["REPORTSERVER_RATE_API"]), int(SMALL["REPORTSERVER_RATE_GENERATE"])


@pytest.fixture
def jobs(limited):
    """The jobs of a test. They are cancelled when it ends."""
    made: list[tuple[str, str]] = []
    yield made
    for name, job in made:
        assert limited.client(name).post(f"/jobs/{job}/cancel").status_code in (202, 409)


def test_us094_a_user_with_too_many_unfinished_jobs_gets_429(limited, jobs):
    judy = limited.client("judy")
    jobs += [("judy", judy.generate("sales-by-region")) for _ in range(2)]
    before = row_counts(limited)
    answer = judy.post(GENERATE)
    assert_error(answer, 429, "too_many_jobs")
    assert int(answer.headers["Retry-After"]) >= 1
    assert_rate(answer, "generate", RATE_GENERATE)
    assert row_counts(limited) == before
    assert judy.post(f"/jobs/{jobs[0][1]}/cancel").status_code == 202
    jobs.append(("judy", judy.generate("sales-by-region")))


def test_us094_a_tenant_with_too_many_unfinished_jobs_gets_429(limited, jobs):
    judy, ivan, hank = (limited.client(name) for name in ("judy", "ivan", "hank"))
    jobs += [("judy", judy.generate("sales-by-region")) for _ in range(2)]
    jobs += [("ivan", ivan.generate("sales-by-region"))]
    assert_error(ivan.post(GENERATE), 429, "too_many_jobs")
    jobs += [("hank", hank.generate("sales-by-region"))]


def test_us094_a_known_key_is_answered_even_if_the_limit_is_reached(limited, jobs):
    judy, key = limited.client("judy"), {"Idempotency-Key": str(uuid.uuid4())}
    first = judy.post(GENERATE, headers=key).json()["jobId"]
    jobs += [("judy", first), ("judy", judy.generate("sales-by-region"))]
    again = judy.post(GENERATE, headers=key)
    assert (again.status_code, again.json()["jobId"]) == (202, first)


def test_us094_concurrent_calls_cannot_exceed_the_limit(limited, jobs):
    judy = limited.client("judy")
    answers = run_concurrently(*[lambda: judy.post(GENERATE)] * 5)
    jobs += [("judy", answer.json()["jobId"]) for answer in answers if answer.status_code == 202]
    assert sorted(answer.status_code for answer in answers) == [202, 202, 429, 429, 429]


def test_t53_us095_calls_beyond_the_rate_limit_are_throttled(limited):
    erin = limited.client("erin")
    answer = until_throttled(lambda: erin.get(f"/jobs/{uuid.uuid4()}"), RATE_API)
    assert_error(answer, 429, "throttled")
    assert_rate(answer, "api", RATE_API)
    assert "r=0;" in answer.headers["RateLimit"]
    assert 1 <= int(answer.headers["Retry-After"]) <= 60


def test_t53_the_calls_of_one_user_do_not_throttle_another(limited):
    erin, carol = limited.client("erin"), limited.client("carol")
    until_throttled(lambda: erin.get("/jobs"), RATE_API)
    assert carol.get("/jobs").status_code == 200


def test_us094_generate_has_a_limit_of_its_own(limited):
    bob = limited.client("bob")
    answer = until_throttled(lambda: bob.post(GENERATE, json={"nonsense": 1}), RATE_GENERATE)
    assert_error(answer, 429, "throttled")
    assert_rate(answer, "generate", RATE_GENERATE)


def test_t53_the_counter_is_atomic_and_shared_by_all_web_processes(limited):
    gina = limited.client("gina")
    for _ in range(2):
        wait_for_window(20)
        window = int(time.time()) // 60
        answers = run_concurrently(*[lambda: [gina.get("/jobs").status_code for _ in range(8)]] * 8)
        if window == int(time.time()) // 60:
            break
    codes = [code for thread in answers for code in thread]
    assert codes.count(200) <= RATE_API
    assert codes.count(200) + codes.count(429) == 64


def test_t53_responses_say_how_many_calls_are_left(limited):
    dave = limited.client("dave")
    first, second = dave.get("/jobs"), dave.get("/jobs")
    assert_rate(first, "api", RATE_API)
    left = [int(re.search(r"r=(\d+)", answer.headers["RateLimit"])[1]) for answer in (first, second)]
    assert left[1] == left[0] - 1 or left[1] == RATE_API - 1


def until_throttled(call, limit):
    """Return the first response with 429. A new minute, with a new count, may start meanwhile."""
    for _ in range(2 * limit + 2):
        answer = call()
        if answer.status_code == 429:
            return answer
    raise AssertionError(f"never throttled: {answer.status_code}")


def assert_rate(answer, scope, limit):
    assert answer.headers["RateLimit-Policy"] == f'"{scope}";q={limit};w=60'
    assert re.fullmatch(rf'"{scope}";r=\d+;t=\d+', answer.headers["RateLimit"])
