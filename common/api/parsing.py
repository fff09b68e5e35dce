"""How the bodies of the API's calls are read."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser
from rest_framework.utils.json import strict_constant


class BoundedJson(JSONParser):
    """DRF's parser reads a body of any length; this one none that is larger than Django allows (RequestDataTooBig)."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        """The value, or a ParseError."""
        body = (parser_context or {})["request"]._request.body
        try:
            return json.loads(body.decode(), parse_constant=strict_constant, parse_int=_whole_number)
        except ValueError as error:
            raise ParseError(f"JSON parse error - {error}") from error


def _whole_number(digits: str) -> int:
    # Python's own refusal names a function of Python.
    if len(digits.lstrip("-")) > (most := sys.get_int_max_str_digits()):
        raise ParseError(f"JSON parse error - a number is too long; at most {most:,} digits are read.")
    return int(digits)
