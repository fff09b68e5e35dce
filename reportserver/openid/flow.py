"""The authorization code flow with PKCE (RFC 7636), from the address to send a browser to, to verified claims."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus

from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.base import OAuth2Error
from authlib.oauth2.client import OAuth2Client
from authlib.oidc.core import CodeIDToken
from django.conf import settings
from django.urls import reverse
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry

from accounts.models import IdentityProvider
from jobs.sql import now
from reports.definitions.providers.to_database import client_secret
from reportserver.openid.calls import Session, get_json
from reportserver.openid.exceptions import ProviderError
from reportserver.openid.metadata import Metadata
from reportserver.openid.pending import Pending

#: How far the provider's clock and the database's may differ.
_LEEWAY_SECONDS = 60
_SCOPES = ("openid", "profile", "email")
#: More than any provider has. Each key without an id is tried.
_MAX_KEYS = 50
_MAX_SUBJECT = 255


@dataclass(frozen=True)
class SignedIn:
    """What the provider says about somebody who signed in there."""

    subject: str
    claims: dict[str, Any]
    id_token: str
    end_session_endpoint: str | None


def redirect_uri(provider: IdentityProvider) -> str:
    """Where the provider sends browsers back to: an address of its own, so no provider can answer for another."""
    return settings.PUBLIC_URL + reverse("provider-callback", args=[provider.tenant.slug, provider.slug])


def authorization_url(provider: IdentityProvider, metadata: Metadata, pending: Pending) -> str:
    """Where to send the browser."""
    client = _client(provider, metadata)
    wanted = [*_SCOPES, provider.groups_claim, *provider.attributes]
    supported = metadata.scopes if metadata.scopes is not None else frozenset(_SCOPES)
    scopes = [scope for scope in dict.fromkeys(wanted) if scope == "openid" or scope in supported]
    url, _ = client.create_authorization_url(
        metadata.authorization_endpoint,
        state=pending.state,
        code_verifier=pending.verifier,
        nonce=pending.nonce,
        scope=" ".join(scopes),
    )
    return str(url)


def complete(provider: IdentityProvider, metadata: Metadata, code: str, pending: Pending) -> SignedIn:
    """Exchange the code for tokens, and return what they say. Raises ProviderError, WrongKey."""
    tokens = _tokens(provider, metadata, code, pending)
    raw, access_token = tokens.get("id_token"), tokens.get("access_token")
    if not isinstance(raw, str) or not isinstance(access_token, str):
        raise ProviderError("The provider sent no ID token.")
    claims = _verified_claims(provider, metadata, raw, {"nonce": pending.nonce, "access_token": access_token})
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= _MAX_SUBJECT:
        raise ProviderError("The subject of the ID token is not valid.")
    needs_claims = provider.groups_claim or provider.attributes or provider.provision
    if needs_claims and metadata.userinfo_endpoint:
        claims = _userinfo(metadata.userinfo_endpoint, access_token, subject) | claims
    _require_storable(claims)
    return SignedIn(subject, claims, raw, metadata.end_session_endpoint)


def _require_storable(claims: dict[str, Any]) -> None:
    """Raise ProviderError for text that no database takes: half of a surrogate pair, or NUL on PostgreSQL."""
    try:
        is_storable = b"\\u0000" not in json.dumps(claims, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        is_storable = False
    if not is_storable:
        raise ProviderError("A claim contains characters that are not valid.")


def _client(provider: IdentityProvider, metadata: Metadata) -> Any:
    # Authlib builds the address and the request for tokens. The secret is added to the latter alone.
    return OAuth2Client(
        Session(),
        provider.client_id,
        redirect_uri=redirect_uri(provider),
        code_challenge_method="S256",
        token_endpoint=metadata.token_endpoint,
    )


def _tokens(provider: IdentityProvider, metadata: Metadata, code: str, pending: Pending) -> dict[str, Any]:
    secret, client_id = client_secret(provider), provider.client_id
    if not secret:
        auth = ClientAuth(client_id, None, "none")
    elif metadata.accepts_secret_in_form:
        auth = ClientAuth(client_id, secret, "client_secret_post")
    else:
        # RFC 6749, section 2.3.1: both are encoded before they are joined, which Authlib leaves out.
        auth = ClientAuth(quote_plus(client_id), quote_plus(secret), "client_secret_basic")
    client = _client(provider, metadata)
    try:
        tokens: dict[str, Any] = client.fetch_token(
            grant_type="authorization_code", code=code, code_verifier=pending.verifier, auth=auth
        )
    except OAuth2Error as error:
        known = error.error if error.error in ("invalid_client", "invalid_grant", "unauthorized_client") else "an error"
        raise ProviderError(f"The provider answered the request for tokens with {known}.") from None
    except (TypeError, ValueError):
        raise ProviderError("The provider's answer to the request for tokens is not valid.") from None
    return tokens


def _verified_claims(
    provider: IdentityProvider, metadata: Metadata, raw: str, expected: dict[str, str]
) -> dict[str, Any]:
    """Return the claims of an ID token (OpenID Connect Core, 3.1.3.7). Raises ProviderError.

    Keys are read anew each time: a key that the provider has withdrawn must not sign anybody in.
    """
    token = _with_valid_signature(raw, usable_keys(get_json(metadata.jwks_uri, "its keys")), metadata.algorithms)
    options: Any = {
        "iss": {"essential": True, "value": provider.issuer},
        "aud": {"essential": True, "value": provider.client_id},
    }
    claims = CodeIDToken(token.claims, token.header, options, expected | {"client_id": provider.client_id})
    try:
        claims.validate(now=int(now().timestamp()), leeway=_LEEWAY_SECONDS)
    except JoseError as error:
        claim = getattr(error, "claim", None)
        name = claim if claim in CodeIDToken.REGISTERED_CLAIMS else "a claim"
        raise ProviderError(f"The ID token is not valid: {name} is missing or wrong.") from None
    except (TypeError, ValueError, KeyError, AttributeError, OverflowError):
        raise ProviderError("The ID token has a claim of a wrong type.") from None
    return dict(claims)


def usable_keys(found: dict[str, Any]) -> list[Any]:
    """The signature keys in a set of JWKs, without those of kinds that nobody here knows."""
    keys = []
    entries = found.get("keys")
    for entry in entries[:_MAX_KEYS] if isinstance(entries, list) else []:
        try:
            keys += KeySet.import_key_set({"keys": [entry]}).keys
        except Exception:  # noqa: BLE001, S112 - a kind of key that nobody here knows; the others still count
            continue
    return keys


def _with_valid_signature(raw: str, keys: Iterable[Any], algorithms: Iterable[str]) -> Any:
    """Return the token, decoded by the key that signed it. Raises ProviderError."""
    registry = JWSRegistry(algorithms=list(algorithms), strict_check_header=False)
    for key in keys:
        try:
            return jwt.decode(raw, KeySet([key]), registry=registry)
        except Exception:  # noqa: BLE001, S112 - whatever a stranger's token or key does, it isn't a signature
            continue
    raise ProviderError("The ID token is signed by none of the provider's keys.")


def _userinfo(url: str, access_token: str, subject: str) -> dict[str, Any]:
    claims = get_json(url, "its claims", {"Authorization": f"Bearer {access_token}"})
    # OpenID Connect Core, 5.3.2: the access token may have been exchanged for another person's.
    if claims.get("sub") != subject:
        raise ProviderError("The provider's claims are about somebody else.")
    return claims
