from __future__ import annotations

from django.urls import path

from reportserver.auth.api import views

urlpatterns = [
    path("auth/token", views.SignIn.as_view(), name="api-token"),
    path("auth/token/refresh", views.Refresh.as_view(), name="api-token-refresh"),
    path("auth/token/verify", views.Verify.as_view(), name="api-token-verify"),
    path("auth/token/revoke", views.Revoke.as_view(), name="api-token-revoke"),
]
