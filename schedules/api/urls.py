from __future__ import annotations

from django.urls import path

from schedules.api import burst_views, subscriptions, views

urlpatterns = [
    path("subscriptions", subscriptions.SubscriptionList.as_view(), name="api-subscriptions"),
    path("schedules/<str:key>/subscription", subscriptions.ScheduleSubscription.as_view(), name="api-subscription"),
    path("schedules", views.ScheduleList.as_view(), name="api-schedules"),
    # Before the call about one schedule: none can have the slug "preview".
    path("schedules/preview", views.Preview.as_view(), name="api-schedule-preview"),
    path("schedules/<str:key>", views.ScheduleDetail.as_view(), name="api-schedule"),
    path("schedules/<str:key>/run", views.RunNow.as_view(), name="api-schedule-run"),
    path("schedules/<str:key>/pause", views.Pause.as_view(), name="api-schedule-pause"),
    path("schedules/<str:key>/resume", views.Resume.as_view(), name="api-schedule-resume"),
    path("schedules/<str:key>/take-over", views.TakeOver.as_view(), name="api-schedule-take-over"),
    path("schedules/<str:key>/backfill", views.Backfill.as_view(), name="api-schedule-backfill"),
    path("schedules/<str:key>/recipients", burst_views.RecipientList.as_view(), name="api-schedule-recipients"),
    path("schedules/<str:key>/slots", views.SlotList.as_view(), name="api-schedule-slots"),
    path(
        "schedules/<str:key>/slots/<int:slot_id>/retry", burst_views.SlotRetry.as_view(), name="api-schedule-slot-retry"
    ),
]
