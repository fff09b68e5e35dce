"""The parser of JSON bodies."""

from __future__ import annotations

import json
import sys
from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import RequestDataTooBig
from django.test import RequestFactory
from pytest_django import Settings
from rest_framework.exceptions import ParseError
from rest_framework.request import Request

from common.api.numbers import exact
from common.api.parsing import BoundedJson


def parse(body: bytes) -> Any:
    request = Request(RequestFactory().post("/", body, content_type="application/json"), parsers=[BoundedJson()])
    return request.data


def test_json_is_parsed() -> None:
    value = {"text": "Ä", "number": -12, "list": [1.5, None, True]}
    assert parse(json.dumps(value).encode()) == value


@pytest.mark.parametrize(
    "literal", ["9007199254740993.0", "0.1234567890123456789", "1e-400", "1e400", "123456789012345678e2", "-1.5e-400"]
)
def test_a_number_that_no_float_has_keeps_its_digits(literal: str) -> None:
    assert exact(parse(literal.encode())) == Decimal(literal)


@pytest.mark.parametrize("literal", ["0.1", "1e22", "5.0", "-0.0", "1e-308", "0.30000000000000004"])
def test_other_numbers_are_floats(literal: str) -> None:
    assert type(parse(literal.encode())) is float


def test_an_exponent_without_end_is_read() -> None:
    assert parse(b"1e" + b"9" * 100_000) == float("inf")


@pytest.mark.parametrize("body", [b"{", b'{"a": NaN}', b"\xff", b"[1,]", b"Infinity"])
def test_anything_else_is_refused(body: bytes) -> None:
    with pytest.raises(ParseError, match=r"^JSON parse error - "):
        parse(body)


def test_a_long_number_is_refused_in_our_own_words() -> None:
    limit = sys.get_int_max_str_digits()
    assert parse(b"-" + b"9" * limit) == -(10**limit - 1)
    with pytest.raises(ParseError, match="the number is too long; the limit is 4,300 digits"):
        parse(b"-" + b"9" * (limit + 1))


def test_a_large_body_is_refused(settings: Settings) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10
    assert parse(b'"12345678"') == "12345678"
    with pytest.raises(RequestDataTooBig):
        parse(b'"123456789"')
