"""People who get the mails of a schedule because they asked for it."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class Subscriber(models.Model):
    """A user who subscribed to a schedule. The mails go to the user's own address, whichever that is then."""

    schedule = models.ForeignKey("schedules.Schedule", on_delete=models.CASCADE, related_name="subscribers")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["schedule", "user"], name="subscriber_once")]

    def __str__(self) -> str:
        return f"{self.user_id} of {self.schedule_id}"
