"""Worker hosts, and the installation they belong to. Django finds them through jobs.models."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from jobs.clock import Now, from_now

#: A jobserver reports in every round of the reconciler. It counts as alive for this many rounds after its last report,
#: and at least for this many seconds: a round takes longer than a short setting says.
_ALIVE_ROUNDS, _MIN_ALIVE_SECONDS = 4, 20


class WorkerHostQuerySet(models.QuerySet["WorkerHost"]):
    """Jobservers."""

    def alive(self) -> WorkerHostQuerySet:
        """Jobservers that reported in one of the last rounds."""
        seconds = max(_ALIVE_ROUNDS * settings.RECONCILE_SECONDS, _MIN_ALIVE_SECONDS)
        # A report in the future is one of before the database's clock was set back.
        return self.filter(seen_at__gte=from_now(-seconds), seen_at__lte=from_now(seconds))

    def total_slots(self) -> int:
        """How many jobs these hosts can run at once. One that is paused runs none."""
        running = self.exclude(paused_until__gt=Now())
        return int(running.aggregate(total=models.Sum("slots", default=0))["total"])


class WorkerHost(models.Model):
    """A running jobserver, shown to people and health checks. It doesn't decide who holds a job."""

    instance = models.CharField(primary_key=True, max_length=32)
    host = models.CharField(max_length=255)
    pid = models.PositiveIntegerField()
    slots = models.PositiveSmallIntegerField()
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    restarts = models.PositiveIntegerField(default=0)
    paused_until = models.DateTimeField(null=True, help_text=_("The host takes no job before this time."))
    note = models.CharField(max_length=300, blank=True, help_text=_("Why it takes no job."))

    objects = WorkerHostQuerySet.as_manager()

    class Meta:
        ordering = ["host", "pid"]

    def __str__(self) -> str:
        return f"{self.host}:{self.pid}"


class Deployment(models.Model):
    """The installation that the database belongs to: one row (jobs.deployment)."""

    identifier = models.CharField(max_length=100)

    def __str__(self) -> str:
        return self.identifier
