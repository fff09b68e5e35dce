from __future__ import annotations

from django.urls import path

from reportserver.identity.api import views

urlpatterns = [
    path("me", views.Me.as_view(), name="api-me"),
    path("keys", views.KeyList.as_view(), name="api-keys"),
    path("keys/<str:key_id>", views.KeyDetail.as_view(), name="api-key"),
]
