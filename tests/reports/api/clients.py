"""Clients of the API that are signed in."""

from __future__ import annotations

from django.test import RequestFactory
from rest_framework.test import APIClient

from accounts.models import User
from reportserver.auth.tokens import sign_in


def client(username: str) -> APIClient:
    signed_in = APIClient()
    token = sign_in(User.objects.get(username=username), RequestFactory().post("/"))["access"]
    signed_in.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    return signed_in
