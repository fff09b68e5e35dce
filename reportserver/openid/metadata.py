"""What a provider says about itself (OpenID Connect Discovery 1.0)."""

from __future__ import annotations

import re
import threading
import time
from dataclasses import dataclass
from typing import Any

from reports.definitions.providers.definition import is_encrypted_or_local
from reportserver.openid.calls import get_json
from reportserver.openid.exceptions import ProviderError

_PATH = "/.well-known/openid-configuration"
_MAX_URL = 2000
#: Sign-ins that begin within this time share what was read. Nothing in it makes a token valid.
_KEPT_SECONDS = 60.0
_MAX_KEPT = 100
#: Signatures by a key that only the provider has. RS256 is the one that every provider must have.
_DEFAULT_ALGORITHM = "RS256"
_ALGORITHMS = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"}
)

_kept: dict[str, tuple[float, Metadata]] = {}
_lock = threading.Lock()


@dataclass(frozen=True)
class Metadata:
    """The parts of the provider's configuration that a sign-in uses."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None
    end_session_endpoint: str | None
    #: None if the provider doesn't list them.
    scopes: frozenset[str] | None
    algorithms: frozenset[str]
    accepts_secret_in_form: bool
    #: Whether each answer of the provider names its issuer (RFC 9207).
    names_issuer: bool


def recent_metadata(issuer: str) -> Metadata:
    """Return the issuer's metadata, which may be a minute old. Raises ProviderError."""
    at, metadata = _kept.get(issuer, (0.0, None))
    if metadata is None or time.monotonic() - at > _KEPT_SECONDS:
        metadata = read_metadata(issuer)
        with _lock:
            if len(_kept) >= _MAX_KEPT:
                _kept.clear()
            _kept[issuer] = (time.monotonic(), metadata)
    return metadata


def read_metadata(issuer: str) -> Metadata:
    """Read the issuer's metadata. Raises ProviderError."""
    found = get_json(issuer.rstrip("/") + _PATH, "its configuration")
    if found.get("issuer") != issuer:
        raise ProviderError("The provider's configuration names another issuer.")
    algorithms = _texts(found, "id_token_signing_alg_values_supported") or frozenset({_DEFAULT_ALGORITHM})
    methods = _texts(found, "token_endpoint_auth_methods_supported")
    challenges = _texts(found, "code_challenge_methods_supported")
    if challenges is not None and "S256" not in challenges:
        raise ProviderError("The provider doesn't support PKCE with S256.")
    if not algorithms & _ALGORITHMS:
        raise ProviderError("The provider offers no algorithm for ID tokens that this server accepts.")
    return Metadata(
        issuer=issuer,
        authorization_endpoint=_address(found, "authorization_endpoint"),
        token_endpoint=_address(found, "token_endpoint"),
        jwks_uri=_address(found, "jwks_uri"),
        userinfo_endpoint=_address(found, "userinfo_endpoint") if "userinfo_endpoint" in found else None,
        end_session_endpoint=_address(found, "end_session_endpoint") if "end_session_endpoint" in found else None,
        scopes=_texts(found, "scopes_supported"),
        algorithms=algorithms & _ALGORITHMS,
        accepts_secret_in_form="client_secret_post" in (methods or ()),
        names_issuer=found.get("authorization_response_iss_parameter_supported") is True,
    )


def _address(found: dict[str, Any], name: str) -> str:
    url = found.get(name)
    # A browser is sent to some of them: nothing but a web address may be among them.
    if not isinstance(url, str) or len(url) > _MAX_URL or re.search(r"[\s\0\\<>\"]", url) or not _is_secure(url):
        raise ProviderError(f"The provider's configuration has no https address as {name}.")
    return url


def _is_secure(url: str) -> bool:
    try:
        return is_encrypted_or_local(url)
    except ValueError:
        return False


def _texts(found: dict[str, Any], name: str) -> frozenset[str] | None:
    value = found.get(name)
    if value is None:
        return None
    if not isinstance(value, list):
        raise ProviderError(f"The provider's configuration has no list as {name}.")
    return frozenset(item for item in value if isinstance(item, str))
