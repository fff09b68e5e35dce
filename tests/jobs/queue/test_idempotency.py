"""Idempotency keys as clients send them."""

from __future__ import annotations

import pytest

from jobs.exceptions import InvalidIdempotencyKey
from jobs.queue.idempotency import Idempotency


@pytest.mark.parametrize(
    ("header", "key"),
    [
        ("abc", "abc"),
        ('"abc"', "abc"),
        ('"', '"'),
        ("a\tb", "a\tb"),
        ("größe".encode().decode("latin-1"), "größe"),
        ("größe", "größe"),
        ("x" * 255, "x" * 255),
    ],
)
def test_a_key_is_read_from_the_header(header: str, key: str) -> None:
    assert Idempotency.of(header, {}).key == key


@pytest.mark.parametrize("header", ["", '""', "x" * 256, "a\nb", "a\x7fb", "a\x00b"])
def test_an_invalid_key_is_refused(header: str) -> None:
    with pytest.raises(InvalidIdempotencyKey):
        Idempotency.of(header, {})


def test_the_fingerprint_depends_on_the_body_and_not_on_the_order_of_its_keys() -> None:
    fingerprint = Idempotency.of("k", {"a": 1, "b": [2]}).fingerprint
    assert Idempotency.of("k", {"b": [2], "a": 1}).fingerprint == fingerprint
    assert Idempotency.of("k", {"a": 1, "b": [3]}).fingerprint != fingerprint
