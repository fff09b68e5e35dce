"""The pages of schedules."""

from __future__ import annotations

from django.urls import path

from schedules import views
from schedules.bursting import views as bursting
from schedules.editing import views as editing
from schedules.subscribing import views as subscribing

urlpatterns = [
    path("subscriptions", subscribing.subscriptions, name="subscriptions"),
    path("subscriptions/<str:key>", subscribing.change, name="subscription"),
    path("schedules", views.schedule_list, name="schedules"),
    # Before the page of a schedule: none can have one of these slugs.
    path("schedules/new", editing.new, name="schedule-new"),
    path("schedules/preview", editing.next_times, name="schedule-preview"),
    path("schedules/<str:key>", views.schedule_page, name="schedule"),
    path("schedules/<str:key>/edit", editing.edit, name="schedule-edit"),
    path("schedules/<str:key>/delete", editing.delete, name="schedule-delete"),
    path("schedules/<str:key>/versions", editing.versions, name="schedule-versions"),
    path("schedules/<str:key>/backfill", editing.backfill, name="schedule-backfill"),
    path("schedules/<str:key>/recipients", bursting.recipients, name="schedule-recipients"),
    path("schedules/<str:key>/slots/<int:slot_id>", bursting.slot_page, name="schedule-slot"),
    path("schedules/<str:key>/slots/<int:slot_id>/retry", bursting.retry, name="schedule-slot-retry"),
    path("schedules/<str:key>/<str:command>", views.command, name="schedule-command"),
]
