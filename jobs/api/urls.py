from __future__ import annotations

from django.urls import path

from jobs.api import comparison, connections, deliveries, kept_rows, run_report, views

urlpatterns = [
    path("reports/<str:key>/generate", run_report.Generate.as_view(), name="api-generate"),
    path("reports/<str:key>/run", run_report.Run.as_view(), name="api-run"),
    path("jobs", views.JobList.as_view(), name="api-jobs"),
    path("jobs/<str:job_id>", views.JobStatus.as_view(), name="api-job"),
    path("jobs/<str:job_id>/result", views.JobResult.as_view(), name="api-job-result"),
    path("jobs/<str:job_id>/retry", views.JobRetry.as_view(), name="api-job-retry"),
    path("jobs/<str:job_id>/cancel", views.JobCancel.as_view(), name="api-job-cancel"),
    path("jobs/<str:job_id>/deliveries", deliveries.JobDeliveries.as_view(), name="api-job-deliveries"),
    path("deliveries/<str:delivery_id>/release", deliveries.Release.as_view(), name="api-delivery-release"),
    path("deliveries/<str:delivery_id>/discard", deliveries.Discard.as_view(), name="api-delivery-discard"),
    path("deliveries/<str:delivery_id>/revoke-link", deliveries.RevokeLink.as_view(), name="api-delivery-revoke-link"),
    path("connections", connections.ConnectionList.as_view(), name="api-connections"),
    path("connections/<str:key>", connections.ConnectionDetail.as_view(), name="api-connection"),
    path("connections/<str:key>/test", connections.ConnectionTestCall.as_view(), name="api-connection-test"),
    path("jobs/<str:job_id>/rows", kept_rows.JobRows.as_view(), name="api-job-rows"),
    path("jobs/<str:job_id>/compare", comparison.JobComparison.as_view(), name="api-job-compare"),
    path("jobs/<str:job_id>/convert", kept_rows.JobConvert.as_view(), name="api-job-convert"),
    path("jobs/<str:job_id>/events", views.JobEvents.as_view(), name="api-job-events"),
]
