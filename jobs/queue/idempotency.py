"""Requests that may be sent twice: the second one returns the job of the first."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from dataclasses import dataclass

from jobs import exceptions

#: A tab is the only control character that a header may contain.
_KEY = re.compile(r"[\t\x20-\x7e\xa0-\U0010ffff]{1,255}")


@dataclass(frozen=True)
class Idempotency:
    """An Idempotency-Key and a fingerprint of the request, which tells a repetition from another request."""

    key: str
    fingerprint: str

    @classmethod
    def of(cls, key: str, body: object) -> Idempotency:
        """Build from the header's value, bare or a quoted structured string, and the parsed body."""
        # WSGI decodes headers as Latin-1, but clients send UTF-8. An error means that it really was Latin-1.
        with contextlib.suppress(UnicodeError):
            key = key.encode("latin-1").decode()
        if len(key) >= 2 and key[0] == key[-1] == '"':
            key = key[1:-1]
        if not _KEY.fullmatch(key):
            raise exceptions.InvalidIdempotencyKey
        canonical = json.dumps(body, sort_keys=True, separators=(",", ":"), default=str)
        return cls(key, hashlib.sha256(canonical.encode()).hexdigest())
