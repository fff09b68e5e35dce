from __future__ import annotations

from django.urls import path

from reportserver.openid.api import views

urlpatterns = [
    path("identity-providers", views.ProviderList.as_view(), name="api-identity-providers"),
    path("identity-providers/<str:provider_id>", views.ProviderDetail.as_view(), name="api-identity-provider"),
    path("identity-providers/<str:provider_id>/test", views.ProviderTest.as_view(), name="api-identity-provider-test"),
]
