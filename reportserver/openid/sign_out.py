"""Signing out at the provider too (OpenID Connect RP-Initiated Logout 1.0)."""

from __future__ import annotations

from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse

from accounts.models import IdentityProvider
from reports import crypto
from reports.exceptions import WrongKey
from reportserver.openid.flow import SignedIn

_KEY = "provider_sign_out"
#: Longer ones don't fit into the address of a request. Providers then ask whether to sign out.
_MAX_TOKEN = 4000


def remember(request: HttpRequest, provider: IdentityProvider, signed_in: SignedIn) -> None:
    """Keep in the session what signing out at the provider takes. The token is encrypted: it says who somebody is."""
    if signed_in.end_session_endpoint:
        token = crypto.encrypt(signed_in.id_token, owner=provider.secret_owner)
        request.session[_KEY] = [signed_in.end_session_endpoint, provider.client_id, provider.secret_owner, token]


def post_logout_redirect_uri() -> str:
    """Where the provider sends the browser then."""
    return f"{settings.PUBLIC_URL}{reverse('login')}"


def provider_url(request: HttpRequest) -> str | None:
    """Where to send the browser. None if the session began without a provider that offers this."""
    if _KEY not in request.session:
        return None
    endpoint, client_id, owner, token = request.session[_KEY]
    query = {"client_id": client_id, "post_logout_redirect_uri": post_logout_redirect_uri()}
    try:
        id_token = crypto.decrypt(token, owner=owner)
    except WrongKey:
        id_token = ""
    if 0 < len(id_token) <= _MAX_TOKEN:
        query["id_token_hint"] = id_token
    return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(query)}"
