"""All URLs of the server."""

from __future__ import annotations

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from django.views.i18n import set_language

from reportserver import openapi
from reportserver.auth import views
from reportserver.operations import health
from reportserver.operations.metrics import metrics

api_urls = [
    path("", include("reportserver.auth.api.urls")),
    path("", include("reportserver.identity.api.urls")),
    path("", include("reportserver.openid.api.urls")),
    path("", include("reports.api.urls")),
    path("", include("jobs.api.urls")),
    path("", include("schedules.api.urls")),
    path("", include("audit.api.urls")),
]

health_urls = [
    path("livez", health.livez, name="livez"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", metrics, name="metrics"),
]

page_urls: list[URLPattern | URLResolver] = [
    path("", include("reports.urls")),
    path("", include("jobs.urls")),
    path("", include("schedules.urls")),
    path("", include("audit.urls")),
    path("", include("reportserver.identity.urls")),
    path("", include("reportserver.openid.urls")),
    path("login", views.SignIn.as_view(), name="login"),
    path("login/code", views.SignInCode.as_view(), name="login-code"),
    path("language", set_language, name="set_language"),
    path("logout", views.SignOut.as_view(), name="logout"),
    path("admin/login/", views.admin_sign_in),
    path("admin/logout/", views.SignOut.as_view()),
    path("admin/", admin.site.urls),
]

urlpatterns: list[URLPattern | URLResolver] = [
    path("api/v1/", include(api_urls)),
    path("api/schema", openapi.schema, name="schema"),
    path("api/docs", openapi.swagger, name="docs"),
    *health_urls,
    *page_urls,
]

handler400 = "reportserver.error_responses.bad_request"
handler403 = "reportserver.error_responses.permission_denied"
handler404 = "reportserver.error_responses.page_not_found"
handler500 = "reportserver.error_responses.server_error"
