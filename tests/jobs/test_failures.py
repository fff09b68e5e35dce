"""Why an attempt failed: what is stored, and which failures are alike."""

from __future__ import annotations

from jobs.failures import MAX_TRACE_CHARACTERS, Failure
from reports.exceptions import QueryFailed, SourceUnavailable


def test_failures_that_differ_only_in_numbers_and_names_share_a_fingerprint() -> None:
    one = Failure("query_failed", "There is no column 'x' in row 17.")
    other = Failure("query_failed", "There is no column 'y' in row 4.")
    different = Failure("source_unavailable", "The data source does not answer.", retryable=True)
    assert one.fingerprint == other.fingerprint != different.fingerprint


def test_an_error_of_a_run_keeps_its_message_and_the_drivers_words_go_to_the_trace() -> None:
    failure = Failure.from_error(QueryFailed("No such table.", driver="42P01 at /srv/db"))
    assert (failure.code, failure.message, failure.retryable) == ("query_failed", "No such table.", False)
    assert failure.trace.startswith("42P01 at /srv/db")
    assert Failure.from_error(SourceUnavailable()).retryable


def test_the_message_of_any_other_error_is_for_administrators_only() -> None:
    failure = Failure.from_error(PermissionError("/srv/secret"))
    assert failure.code == "internal_error"
    assert "/srv/secret" in failure.trace and "/srv/secret" not in failure.message
    assert Failure.from_error(MemoryError()).code == "out_of_memory"


def test_the_last_output_is_kept_beside_a_long_trace() -> None:
    failure = Failure("worker_lost", "Lost.", trace="x" * 50_000).with_output("last words")
    assert failure.trace.endswith("last words")
    assert len(failure.trace) < MAX_TRACE_CHARACTERS
    assert Failure("worker_lost", "Lost.", trace="trace").with_output("").trace == "trace"
