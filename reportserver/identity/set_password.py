"""The page behind a password link."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.views import PasswordResetConfirmView
from django.db import transaction
from django.http import HttpResponse
from django.urls import reverse_lazy

from accounts.models import User
from audit.models import Action
from reportserver.auth.audit_entries import record_session
from reportserver.identity.sessions import end_all_sessions


class SetPassword(PasswordResetConfirmView):
    """Sets the password of the user to whom the link was given. It takes no part in a sign-in: that comes after."""

    template_name = "set_password.html"
    success_url = reverse_lazy("login")
    user: Any

    def get_user(self, uidb64: str) -> Any:
        user = super().get_user(uidb64)
        may_have_password = isinstance(user, User) and user.is_active and not user.service
        return user if may_have_password else None

    def form_valid(self, form: Any) -> HttpResponse:
        with transaction.atomic():
            response = super().form_valid(form)
            end_all_sessions(self.user)
            record_session(Action.PASSWORD_CHANGE, self.user, self.request, "page")
        return response
