from __future__ import annotations

from django.urls import path

from reports.api import choices, resolve, views

urlpatterns = [
    path("reports", views.ReportList.as_view(), name="api-reports"),
    path("reports/<str:key>/validate", views.ReportCheck.as_view(), name="api-report-validate"),
    path("reports/<str:key>/resolve", resolve.ResolveParameters.as_view(), name="api-report-resolve"),
    path(
        "reports/<str:key>/parameters/<str:name>/choices", choices.ParameterChoices.as_view(), name="api-report-choices"
    ),
    path("reports/<str:key>", views.ReportDetail.as_view(), name="api-report"),
]
