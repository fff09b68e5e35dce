"""Where a new job would stand among those that wait.

One statement written by hand, as every new job asks it while nobody else can make one: Django needs ten times as long
to put it together as the database needs to answer it. Each part is answered by an index alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import UUIDField

from jobs.clock import NOW_SQL

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

    from jobs.models import JobExecutionLog

# The turn of the next job with the same concurrency key; without one, of the next job that has no key.
# `requested_by_id > 0` lets SQLite count people in the order of the index.
_STANDING = """
    select coalesce((
        select turn from jobs_jobexecutionlog
        where status = 'Queued' and available_at <= {now} and cancel_requested_at is null
        and concurrency_key = %(concurrency_key)s
        order by priority, turn, available_at, queued_at limit 1
    ), (
        select turn from jobs_jobexecutionlog
        where status = 'Queued' and available_at <= {now} and cancel_requested_at is null and concurrency_key is null
        order by priority, turn, available_at, queued_at limit 1
    ), 0), coalesce((
        select max(turn) from jobs_jobexecutionlog
        where status = 'Queued' and tenant_id = %(tenant)s and requested_by_id = %(person)s
    ), 0), (
        select count(distinct requested_by_id) from jobs_jobexecutionlog
        where status = 'Queued' and tenant_id = %(tenant)s
        and requested_by_id > 0 and requested_by_id <> coalesce(%(person)s, 0)
    ), (
        select count(*) from jobs_jobexecutionlog
        where status = 'Queued' and tenant_id = %(tenant)s and requested_by_id = %(person)s
    ), (
        select count(*) from jobs_jobexecutionlog where status = 'Queued' and tenant_id = %(tenant)s
    ),
    count(*) filter (where requested_by_id = %(person)s), count(*)
    from jobs_jobexecutionlog where status = 'Running' and tenant_id = %(tenant)s
"""


@dataclass(frozen=True)
class Admission:
    """How many unfinished jobs its person and its tenant have already, and when it is its turn."""

    own: int
    of_tenant: int
    turn: int

    @classmethod
    def of(cls, job: JobExecutionLog, connection: BaseDatabaseWrapper) -> Admission:
        """Everybody's jobs are a row of turns. The first is next to what is claimed now, however long others have
        waited in rows of their own. The more people of a tenant wait, the longer their steps: tenants get equal shares.
        """
        concurrency_key = UUIDField().get_db_prep_value(job.concurrency_key, connection)
        who = {"tenant": job.tenant_id, "person": job.requested_by_id, "concurrency_key": concurrency_key}
        with connection.cursor() as cursor:
            cursor.execute(_STANDING.format(now=NOW_SQL[connection.vendor]), who)
            now, last, others, own_queued, queued, own_running, running = cursor.fetchone()
        return cls(own_queued + own_running, queued + running, max(now, last) + others + 1)
