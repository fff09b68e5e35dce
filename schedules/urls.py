"""The pages of schedules."""

from __future__ import annotations

from django.urls import path

from schedules import views

urlpatterns = [
    path("schedules", views.schedule_list, name="schedules"),
    path("schedules/<str:key>", views.schedule_page, name="schedule"),
    path("schedules/<str:key>/<str:command>", views.command, name="schedule-command"),
]
