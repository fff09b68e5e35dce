from __future__ import annotations

from django.urls import path

from reports.api import choices, resolve, sources, uploads, views

urlpatterns = [
    path("reports", views.ReportList.as_view(), name="api-reports"),
    path("reports/<str:key>/validate", views.ReportCheck.as_view(), name="api-report-validate"),
    path("reports/<str:key>/resolve", resolve.ResolveParameters.as_view(), name="api-report-resolve"),
    path(
        "reports/<str:key>/parameters/<str:name>/choices", choices.ParameterChoices.as_view(), name="api-report-choices"
    ),
    path("sources", sources.SourceList.as_view(), name="api-sources"),
    path("sources/<str:key>", sources.SourceDetail.as_view(), name="api-source"),
    path("sources/<str:key>/test", sources.SourceTest.as_view(), name="api-source-test"),
    path("sources/<str:key>/files", uploads.SourceFiles.as_view(), name="api-source-files"),
    path("sources/<str:key>/files/<str:table>", uploads.SourceFile.as_view(), name="api-source-file"),
    path("sources/<str:key>/tables", sources.SourceTableList.as_view(), name="api-source-tables"),
    path("reports/<str:key>", views.ReportDetail.as_view(), name="api-report"),
]
