"""Parser of the API's request bodies."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser
from rest_framework.utils.json import strict_constant

from common.api.numbers import read_float


class BoundedJson(JSONParser):
    """DRF's JSON parser with a limit: a body over DATA_UPLOAD_MAX_MEMORY_SIZE raises RequestDataTooBig."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        """Return the parsed value. Raises ParseError."""
        # Django checks the size when the body is read through the request; the stream has no limit.
        body = (parser_context or {})["request"]._request.body
        try:
            return json.loads(
                body.decode(), parse_constant=strict_constant, parse_int=_parse_int, parse_float=read_float
            )
        except ValueError as error:
            raise ParseError(f"JSON parse error - {error}") from error


def _parse_int(digits: str) -> int:
    # Checked here because Python's own message tells the client to call a function of Python's.
    if len(digits.lstrip("-")) > (limit := sys.get_int_max_str_digits()):
        raise ParseError(f"JSON parse error - the number is too long; the limit is {limit:,} digits.")
    return int(digits)
