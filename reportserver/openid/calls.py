"""Calls to identity providers, which obey the same address rules as webhooks. Few run at once, and none takes long.

An Administrator of any tenant chooses what is called here: whoever is called may answer slowly, wrongly or too much.
"""

from __future__ import annotations

import json
import ssl
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode

from django.conf import settings

from common.outbound import http_client
from common.outbound.connecting import AddressRules
from reportserver.auth.exceptions import TooManySignIns
from reportserver.openid.exceptions import ProviderError, ProviderUnavailable

_SECONDS = 10.0
_MAX_BYTES = 256 * 1024
#: Each sign-in occupies a thread while the provider answers. A slow one must leave threads to other calls.
_MAX_PLACES = max(1, settings.WEB_THREADS // 4)
_MAX_PLACES_PER_PROVIDER = max(1, _MAX_PLACES // 2)

_taken: Counter[str] = Counter()
_lock = threading.Lock()


@contextmanager
def place(provider_id: object) -> Iterator[None]:
    """Hold one of the places for calls to this provider. Raises TooManySignIns if all are taken."""
    key = str(provider_id)
    with _lock:
        if _taken.total() >= _MAX_PLACES or _taken[key] >= _MAX_PLACES_PER_PROVIDER:
            raise TooManySignIns
        _taken[key] += 1
    try:
        yield
    finally:
        with _lock:
            _taken[key] -= 1


def get_json(url: str, what: str, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return the JSON object at the address; `what` names it in reasons. Raises ProviderError."""
    answer = _exchange("GET", url, None, {"Accept": "application/json", **(headers or {})}, what)
    if answer.status != 200:
        kind = ProviderUnavailable if answer.status >= 500 else ProviderError
        raise kind(f"The provider answered {answer.status} to the request for {what}.")
    return _object(answer.body, what)


class Session:
    """What Authlib's OAuth2Client sends requests with, in place of a session of `requests`."""

    def post(self, url: str, *, data: Mapping[str, str], headers: Mapping[str, str], auth: Any) -> TokenAnswer:
        """Send the form. `auth` adds the client's id and secret."""
        url, headers, body = auth.prepare("POST", url, dict(headers), urlencode(data))
        return TokenAnswer(_exchange("POST", url, body.encode(), headers, "tokens"))


class TokenAnswer:
    """The part of a response of `requests` that OAuth2Client reads."""

    def __init__(self, answer: http_client.Response) -> None:
        self.status_code = answer.status
        self._body = answer.body

    def raise_for_status(self) -> None:
        if self.status_code >= 500:
            raise ProviderUnavailable(f"The provider answered {self.status_code} to the request for tokens.")
        if self.status_code >= 400:
            raise ProviderError(f"The provider answered {self.status_code} to the request for tokens.")

    def json(self) -> dict[str, Any]:
        return _object(self._body, "tokens")


def _exchange(method: str, url: str, body: bytes | None, headers: Mapping[str, str], what: str) -> http_client.Response:
    headers = {"User-Agent": "reportserver", **headers}
    try:
        rules = AddressRules(tuple(settings.WEBHOOK_ALLOW))
        return http_client.request(method, url, body, headers, rules, timeout=_SECONDS, max_body=_MAX_BYTES)
    except http_client.AddressNotAllowed:
        raise ProviderError(f"This server is not allowed to call the provider's address for {what}.") from None
    except ssl.SSLCertVerificationError:
        raise ProviderError("The provider's certificate is not valid.") from None
    except (OSError, http_client.HTTPException, UnicodeError):
        raise ProviderUnavailable(f"The provider did not answer the request for {what}.") from None


def _object(body: bytes, what: str) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise ProviderError(f"The provider's answer to the request for {what} is no JSON object of at most 256 kB.")
    return value
