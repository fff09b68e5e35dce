"""Beginning a session of the pages, however its user has proved who it is."""

from __future__ import annotations

from django.contrib.auth import login
from django.db import transaction
from django.http import HttpRequest

from accounts.models import IdentityProvider, User
from audit.models import Action
from common import form_recovery
from reportserver.auth import pending_sign_in, second_factor
from reportserver.auth.audit_entries import Channel, record_session
from reportserver.identity.sessions import remember_session
from reportserver.web.second_factor import MISSING

_BACKEND = "django.contrib.auth.backends.ModelBackend"


def begin_session(request: HttpRequest, user: User, channel: Channel, provider: IdentityProvider | None = None) -> None:
    """Begin the user's session, in one transaction with its audit entry.

    A second factor belongs to the password: whoever comes through a provider isn't asked for one.
    """
    with transaction.atomic():
        pending_sign_in.forget(request)
        login(request, user, backend=_BACKEND)
        form_recovery.discard_others_form(request)
        details = {"provider": provider.slug} if provider else {}
        record_session(Action.SIGN_IN, user, request, channel, **details)
        remember_session(request, user)
        if provider is None and second_factor.is_missing(user):
            request.session[MISSING] = True
