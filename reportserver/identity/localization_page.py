"""The part of the account page that decides in which language, time zone and number format pages are shown."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import translation
from django.utils.translation import gettext
from django.views.decorators.http import require_POST

from accounts.caller import caller
from accounts.models import User
from reportserver.identity.account_page import page
from reportserver.identity.forms import LocalizationForm


@login_required
@require_POST
def localize(request: HttpRequest) -> HttpResponse:
    """Save the user's language, time zone and number format."""
    user = caller(request)
    form = LocalizationForm(user, request.POST)
    if not form.is_valid():
        return page(request, localization_form=form)
    chosen = form.cleaned_data
    User.objects.filter(pk=user.pk).update(**chosen)
    with translation.override(chosen["language"] or translation.get_language_from_request(request)):
        messages.success(request, gettext("Saved. Pages now look like this to you."))
    return _with_cookie(redirect("account"), chosen["language"])


def _with_cookie(response: HttpResponse, language: str) -> HttpResponse:
    """Let the pages that are shown after signing out have the language too."""
    if not language:
        response.delete_cookie(settings.LANGUAGE_COOKIE_NAME, samesite="Lax")
        return response
    response.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        language,
        max_age=settings.LANGUAGE_COOKIE_AGE,
        secure=settings.LANGUAGE_COOKIE_SECURE,
        httponly=settings.LANGUAGE_COOKIE_HTTPONLY,
        samesite="Lax",
    )
    return response
