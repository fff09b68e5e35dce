"""Admission: whether another job is accepted from its user and tenant, and its turn in the queue."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.conf import settings

from jobs import sql
from jobs.exceptions import TooManyJobs

if TYPE_CHECKING:
    from jobs.models import JobExecutionLog


@dataclass(frozen=True)
class Admission:
    """The unfinished jobs of a new job's user and tenant, and the turn of the new job.

    `step`: how far the turns of the user's next jobs are apart.
    """

    unfinished_of_user: int
    unfinished_of_tenant: int
    turn: int
    step: int

    @classmethod
    def of(cls, job: JobExecutionLog) -> Admission:
        """Read the queue as the new job finds it.

        Round-robin: each user's jobs take successive turns. The first turn is the next one to be claimed, however many
        jobs of other users wait. The more users of a tenant wait, the further apart are their turns, so tenants get
        equal shares.
        """
        queue = sql.queue_state(
            tenant_id=job.tenant_id, user_id=job.requested_by_id, concurrency_key=job.concurrency_key
        )
        step = queue.other_users + 1
        return cls(
            unfinished_of_user=queue.queued_by_user + queue.running_by_user,
            unfinished_of_tenant=queue.queued_in_tenant + queue.running_in_tenant,
            turn=max(queue.next_turn, queue.last_turn) + step,
            step=step,
        )

    def check_limits(self) -> None:
        """Raise TooManyJobs if the user or the tenant already has as many unfinished jobs as allowed."""
        if (
            self.unfinished_of_user >= settings.MAX_UNFINISHED_PER_USER
            or self.unfinished_of_tenant >= settings.MAX_UNFINISHED_PER_TENANT
        ):
            raise TooManyJobs
