"""The account page: the user's password, second factor, linked identities, sessions and API keys."""

from __future__ import annotations

from typing import Any

import segno
from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language, gettext, gettext_lazy
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from accounts.caller import caller
from accounts.localization import suggested_locales, suggested_zones
from accounts.models import ApiKey, SecondFactor, User
from common.exceptions import DomainError
from reports.exceptions import InvalidParameters
from reportserver.auth import second_factor
from reportserver.auth.credentials import check_credentials
from reportserver.auth.exceptions import TooManyFailures, TooManySignIns
from reportserver.identity.api_keys import create_key, key_to_revoke, load_report_slugs, revoke_key
from reportserver.identity.forms import CurrentPasswordForm, KeyForm, LocalizationForm, PasswordForm
from reportserver.identity.sessions import change_password, end_other_sessions, end_session, own_sessions
from reportserver.openid.linking import providers_to_link
from reportserver.web.second_factor import MISSING

_WRONG_PASSWORD = gettext_lazy("The current password is wrong.")
_TOO_MANY = gettext_lazy("Too many wrong passwords. Try again in a minute.")
#: Keys that the page lists. Administrators of more find them by `manage.py list_keys`.
_MAX_KEYS = 200


@login_required
@require_safe
def account(request: HttpRequest) -> HttpResponse:
    """Show the account of the user."""
    return page(request)


@login_required
@require_POST
@sensitive_post_parameters()
def password(request: HttpRequest) -> HttpResponse:
    """Change the user's password."""
    user = caller(request)
    form = PasswordForm(user, request.POST)
    if form.is_valid() and is_own_password(request, user, form):
        change_password(request, user, form.cleaned_data["new"])
        messages.success(request, gettext("Password changed. Your other sessions have ended."))
        return redirect("account")
    return page(request, password_form=form)


@login_required
@require_POST
def end(request: HttpRequest) -> HttpResponse:
    """End one of the user's sessions, or all others."""
    user = caller(request)
    session_id = request.POST.get("session", "")
    if not session_id:
        end_other_sessions(request, user)
        messages.success(request, gettext("Your other sessions have ended."))
    elif end_session(request, user, session_id):
        messages.success(request, gettext("The session has ended."))
    else:
        messages.success(request, gettext("The session had ended already."))
    return redirect("account")


@login_required
@require_POST
def new_key(request: HttpRequest) -> HttpResponse:
    """Create a key and show it. No redirect: the key is kept nowhere, so no other page could show it."""
    user = caller(request)
    form = KeyForm(user, request.POST)
    if form.is_valid():
        try:
            key, text = create_key(form.key_request(), actor=user)
        except InvalidParameters as error:
            for name, sentences in error.fields.items():
                form.add_error(name if name in form.fields else None, sentences)
        except DomainError as error:
            form.add_error(None, error.message)
        else:
            return page(request, created=key, text=text)
    return page(request, key_form=form)


@login_required
@require_POST
def revoke(request: HttpRequest, key_id: str) -> HttpResponse:
    """Revoke a key."""
    user = caller(request)
    key = key_to_revoke(user, key_id)
    revoke_key(key, actor=user)
    messages.success(request, gettext("“%(name)s” was revoked.") % {"name": key.name})
    return redirect("account")


@login_required
@require_POST
def begin_second_factor(request: HttpRequest) -> HttpResponse:
    """Show the secret for an authenticator app. Nothing asks for it before a code has confirmed it."""
    second_factor.begin(caller(request))
    return redirect(f"{reverse('account')}#second-factor")


@login_required
@require_POST
def confirm_second_factor(request: HttpRequest) -> HttpResponse:
    """Confirm the second factor by a code, and show the recovery codes, this once."""
    codes = second_factor.confirm(request, caller(request), "".join(request.POST.get("code", "").split()))
    if codes is None:
        wrong = gettext("The code is wrong. Check the clock of your device, and enter the newest code.")
        return page(request, code_form=wrong)
    request.session.pop(MISSING, None)
    return page(request, recovery_codes=codes)


@login_required
@require_POST
@sensitive_post_parameters()
def remove_second_factor(request: HttpRequest) -> HttpResponse:
    """Remove the second factor, for somebody who knows the password."""
    user = caller(request)
    form = CurrentPasswordForm(request.POST)
    if form.is_valid() and is_own_password(request, user, form):
        second_factor.reset(user, actor=user)
        if second_factor.is_missing(user):
            request.session[MISSING] = True
        messages.success(request, gettext("The second factor was removed."))
        return redirect("account")
    return page(request, remove_form=form)


def is_own_password(request: HttpRequest, user: User, form: forms.Form) -> bool:
    """Whether the current password is right. Guesses of it count as failed sign-ins."""
    try:
        if check_credentials(request, user.username, form.cleaned_data["current"], channel="page"):
            return True
        form.add_error("current", str(_WRONG_PASSWORD))
    except TooManyFailures:
        form.add_error("current", str(_TOO_MANY))
    except TooManySignIns as error:
        form.add_error("current", gettext(error.message))
    return False


def _second_factor_context(user: User) -> dict[str, Any]:
    factor = SecondFactor.objects.filter(user=user).select_related("user").first()
    context: dict[str, Any] = {"factor": factor, "remove_form": CurrentPasswordForm()}
    if factor and factor.confirmed_at is None:
        picture = segno.make(second_factor.provisioning_uri(factor), error="m")
        context["secret"] = second_factor.secret_of(factor)
        context["qr_code"] = picture.svg_data_uri(scale=4, border=2)
    return context


def page(request: HttpRequest, **changed: Any) -> HttpResponse:
    """The page, with what an action changed of it."""
    user = caller(request)
    keys = ApiKey.objects.visible_to(user).filter(revoked_at=None).select_related("user")
    listed = list(keys.order_by("user__username", "created_at", "id")[:_MAX_KEYS])
    load_report_slugs(listed)
    context: dict[str, Any] = {
        "password_form": PasswordForm(user),
        "key_form": KeyForm(user),
        "localization_form": LocalizationForm(user),
        "zones": suggested_zones(),
        "locales": suggested_locales(get_language() or "en"),
        "example_number": 12_345,
        "example_time": timezone.now(),
        "sessions": own_sessions(request, user),
        "keys": listed,
        "has_password": user.has_usable_password(),
        "identities": user.identities.select_related("provider"),
        "providers": providers_to_link(user),
        "link_form": CurrentPasswordForm(),
        "must_set_up": request.session.get(MISSING, False),
    }
    is_refused = any(name.endswith("_form") for name in changed)
    if user.has_usable_password():
        context |= _second_factor_context(user)
    return render(request, "account/page.html", context | changed, status=400 if is_refused else 200)
