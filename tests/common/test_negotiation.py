"""Reading Accept headers, including what Django's own reading gets wrong (see common.api.negotiation)."""

from __future__ import annotations

import pytest
from django.test import RequestFactory

from common.api.negotiation import parse_accept, quality

PROBLEM = "application/problem+json"


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("text/html", 1.0),
        ("Text/HTML;Q=0.5", 0.5),
        (" text/html ; level=1 ; q=0.3 ", 0.3),
        ("text/html; charset=utf-8", 1.0),
        ("text/*;q=0.4, */*;q=0.1", 0.4),
        ("*/*;q=0.1", 0.1),
        ("text/html;q=0, */*", 0.0),
        ("text/html;q=0.000", 0.0),
        ("text/html;q=nonsense", 0.0),
        ("text/plain", 0.0),
        ("text/html-not", 0.0),
        ("", 0.0),
        (",;=,q=", 0.0),
        ("text/html; q*=nosuch'en'x", 1.0),
    ],
)
def test_the_most_specific_range_decides(header: str, expected: float) -> None:
    assert quality(parse_accept(header), "text/html") == expected


def test_a_type_that_is_only_covered_by_a_range_is_not_named() -> None:
    assert PROBLEM not in parse_accept("*/*, application/*")
    assert parse_accept(f"application/json, {PROBLEM};q=0.5")[PROBLEM] == 0.5


@pytest.mark.parametrize(("header", "accepted"), [("text/html;q=0, */*", True), ("text/html; charset=utf-8", False)])
def test_django_reads_these_headers_differently(header: str, accepted: bool) -> None:
    """If this fails, Django may have become good enough to replace parse_accept."""
    assert RequestFactory().get("/", headers={"Accept": header}).accepts("text/html") is accepted


def test_django_raises_for_a_parameter_in_an_unknown_encoding() -> None:
    request = RequestFactory().get("/", headers={"Accept": "text/html; q*=nosuch'en'x"})
    with pytest.raises(ValueError, match="Invalid encoding"):
        request.accepts("text/html")
