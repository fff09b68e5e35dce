"""The sign-in form."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.forms import AuthenticationForm
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from reportserver.auth.audit_entries import page_channel
from reportserver.auth.credentials import check_credentials

_REFUSED = _("The user name or the password is wrong.")


class SignInForm(AuthenticationForm):
    """Gives the same message for every refusal, so that nobody can find out which user names exist.

    Checking it raises the errors of credentials.check_credentials.
    """

    error_messages = {"invalid_login": _REFUSED, "inactive": _REFUSED}

    request: HttpRequest

    def __init__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().__init__(request, *args, **kwargs)
        self.fields["username"].label = _("User name")
        self.fields["username"].error_messages["required"] = _("Enter your user name.")
        self.fields["password"].error_messages["required"] = _("Enter your password.")

    def clean(self) -> dict[str, Any]:
        # Replaces Django's method, which would check the password without limiting failures.
        username, password = self.cleaned_data.get("username"), self.cleaned_data.get("password")
        if username is not None and password:
            self.user_cache = check_credentials(self.request, username, password, channel=page_channel(self.request))
            if self.user_cache is None:
                raise self.get_invalid_login_error()
        return self.cleaned_data
