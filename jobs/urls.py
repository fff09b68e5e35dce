"""The pages of jobs."""

from __future__ import annotations

from django.urls import path

from jobs.comparison import views as comparison
from jobs.connections import views as connections
from jobs.delivery import views
from jobs.monitoring.views import bulk_actions, deliveries, job_list, job_page, job_rows, overview

urlpatterns = [
    path("", overview.overview, name="overview"),
    path("jobs", job_list.job_list, name="jobs"),
    path("jobs/further", job_list.older_search, name="jobs-older-search"),
    path("jobs/many", bulk_actions.start_bulk_action, name="jobs-bulk-action"),
    path("jobs/many/<uuid:bulk_action_id>", bulk_actions.bulk_progress, name="jobs-bulk-progress"),
    path("jobs/saved", job_list.save_view, name="jobs-save-view"),
    path("jobs/<str:job_id>", job_page.job_page, name="job"),
    path("jobs/<str:job_id>/result", job_page.download, name="job-result"),
    path("jobs/<str:job_id>/preview", job_page.preview, name="job-preview"),
    path("jobs/<str:job_id>/rows", job_rows.rows, name="job-rows"),
    path("jobs/<str:job_id>/pdf", job_rows.inline_pdf, name="job-pdf"),
    path("jobs/<str:job_id>/convert", job_rows.convert, name="job-convert"),
    path("jobs/<str:job_id>/compare", comparison.compare, name="job-compare"),
    path("jobs/<str:job_id>/retry", job_page.retry, name="job-retry"),
    path("jobs/<str:job_id>/send-again", job_page.resend, name="job-resend"),
    path("jobs/<str:job_id>/cancel", job_page.cancel, name="job-cancel"),
    path("connections", connections.connections, name="connections"),
    path("connections/new", connections.new, name="connection-new"),
    path("connections/<str:key>/delete", connections.delete, name="connection-delete"),
    path("connections/<str:key>/<str:command>", connections.command, name="connection-command"),
    path("d/<str:token>", views.download_link, name="download-link"),
    path("unsubscribe/<str:token>", views.unsubscribe, name="unsubscribe"),
    path("unsubscribe/<str:token>/undo", views.subscribe_again, name="subscribe-again"),
    path("deliveries", deliveries.delivery_list, name="deliveries"),
    path("deliveries/<str:delivery_id>", job_page.decide_delivery, name="delivery-decide"),
]
