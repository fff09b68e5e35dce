"""Conditional requests."""

from __future__ import annotations

import pytest
from django.test import RequestFactory

from common.conditional import is_not_modified


@pytest.mark.parametrize(
    ("etag", "header", "expected"),
    [
        ('"a"', '"a"', True),
        ('"a"', 'W/"a"', True),
        ('W/"a"', '"a"', True),
        ('W/"a"', 'W/"a"', True),
        ('"a"', '"b", W/"a"', True),
        ('"a"', "*", True),
        ('"a"', '"b"', False),
        ('"a"', "a", False),
        ('"a"', "", False),
    ],
)
def test_tags_are_compared_weakly(etag: str, header: str, expected: bool) -> None:
    assert is_not_modified(RequestFactory().get("/", headers={"If-None-Match": header}), etag) is expected


def test_other_methods_and_other_conditions_are_ignored() -> None:
    assert not is_not_modified(RequestFactory().post("/", headers={"If-None-Match": "*"}), '"a"')
    assert not is_not_modified(RequestFactory().get("/", headers={"If-Match": '"b"'}), '"a"')
    assert not is_not_modified(RequestFactory().get("/"), '"a"')
