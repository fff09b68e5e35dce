"""The pages of jobs."""

from __future__ import annotations

from django.urls import path

from jobs.monitoring import views

urlpatterns = [
    path("", views.overview, name="overview"),
    path("jobs", views.job_list, name="jobs"),
    path("jobs/further", views.further, name="jobs-search-older"),
    path("jobs/many", views.bulk_action, name="jobs-bulk"),
    path("jobs/many/<uuid:press_id>", views.bulk_progress, name="jobs-bulk-progress"),
    path("jobs/saved", views.save_view, name="jobs-saved-views"),
    path("jobs/<str:job_id>", views.job, name="job"),
    path("jobs/<str:job_id>/result", views.download, name="result"),
    path("jobs/<str:job_id>/preview", views.preview, name="preview"),
    path("jobs/<str:job_id>/retry", views.retry, name="job-retry"),
    path("jobs/<str:job_id>/send-again", views.send_again, name="job-send-again"),
    path("jobs/<str:job_id>/cancel", views.cancel, name="job-cancel"),
]
