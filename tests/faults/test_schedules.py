"""Random faults for CHAOS_MINUTES while schedules are due every minute. Then every time has one slot, with one job.

Hosts are killed at any point between a slot and its job, the database is away, and its clock is set forward and back.
"""

from __future__ import annotations

import json
import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import psutil
import pytest

from tests.faults.cluster import Cluster, wait_for
from tests.faults.database import Database, parse_time
from tests.faults.faults import faults_for, stop_hosts_with_skewed_clocks
from tests.faults.test_chaos import MINUTES, SEED

#: Schedules that are due in the same minute.
SCHEDULES = int(os.environ.get("CHAOS_SCHEDULES", "200"))
MINUTE = timedelta(minutes=1)


@pytest.mark.chaos
def test_every_time_has_one_slot_with_one_job(cluster: Cluster) -> None:
    slugs = [f"minutely-{number}" for number in range(SCHEDULES)]
    for slug in slugs:
        body = {"slug": slug, "report": "harmful", "cron": "* * * * *", "missed": "all", "missed_within": "9d"}
        answer = cluster.bob.post("/schedules", json=body)
        assert answer.status_code == 201, answer.text
    faults = endure(cluster)
    # Faults may have ended in the middle of a minute: the last times get their slots, too.
    wait_for(lambda: has_caught_up(cluster.database), 300)
    for slug in slugs:
        assert cluster.bob.post(f"/schedules/{slug}/pause").status_code == 200
    wait_for(lambda: not unfinished(cluster.database), 900, lambda: unfinished(cluster.database))
    found = list(violations(cluster.database))
    states = Counter(row["state"] for row in cluster.database("select state from schedules_slot"))
    print(f"\n{MINUTES:g} minutes, {SCHEDULES} schedules on {cluster.database.name}: {dict(states)}; {dict(faults)}")  # noqa: T201
    assert states["Created"] >= SCHEDULES
    assert not found, "\n".join(found[:50])
    for slug in slugs:
        cluster.bob.request("DELETE", f"/schedules/{slug}")


def endure(cluster: Cluster) -> Counter[str]:
    """Cause faults until the time is over. Return how often which one happened."""
    chance, happened = random.Random(SEED), Counter[str]()  # noqa: S311 - not a secret
    until = time.monotonic() + MINUTES * 60
    while time.monotonic() < until:
        fault = chance.choice([*faults_for(cluster), set_clock])
        # The fault's target may have ended by itself, and this user may not be able to cause it.
        with suppress(psutil.NoSuchProcess, AssertionError, pytest.skip.Exception):
            fault(cluster, chance)
            happened[fault.__name__] += 1
        while len(cluster.hosts) < 2:
            cluster.start_host()
        time.sleep(chance.uniform(1, 6))
    cluster.database.set_clock(0)
    stop_hosts_with_skewed_clocks(cluster)
    wait_for(lambda: has_two_hosts(cluster))
    return happened


def has_two_hosts(cluster: Cluster) -> bool:
    """Start what is missing. A host whose processes were just killed may end only now."""
    with suppress(AssertionError):
        cluster.ensure_two_hosts()
        return True
    return False


def set_clock(cluster: Cluster, chance: random.Random) -> list[str]:
    """Set the database's clock several times forward or back."""
    cluster.database.set_clock(chance.choice([-600, -90, 0, 45, 300, 1500]))
    return []


def has_caught_up(database: Database) -> bool:
    """Whether no time that has come is without a slot."""
    with suppress(Exception):
        rows = database("select next_at from schedules_schedule where next_at is not null")
        return bool(rows) and min(parse_time(row["next_at"]) for row in rows) > datetime.now(UTC)
    return False


def unfinished(database: Database) -> int:
    rows = database("select count(*) as n from jobs_jobexecutionlog where status in ('Queued', 'Running')")
    return int(rows[0]["n"])


def violations(database: Database) -> Iterator[str]:
    """Yield what is wrong with the slots and jobs that are there now."""
    slots = database(
        "select s.slug, t.time, t.state, t.job_id from schedules_slot t "
        "join schedules_schedule s on s.id = t.schedule_id where t.kind = 'cron' order by s.slug, t.time"
    )
    by_schedule: dict[str, list[datetime]] = {}
    for row in slots:
        by_schedule.setdefault(row["slug"], []).append(parse_time(row["time"]))
        if (row["state"] == "Created") != (row["job_id"] is not None):
            yield f"{row['slug']} at {row['time']} is {row['state']} with the job {row['job_id']}"
    for slug, times in by_schedule.items():
        for earlier, later in pairwise(times):
            if later - earlier != MINUTE:
                yield f"{slug} has no slot between {earlier} and {later}"
    created = Counter(str(row["job_id"]) for row in slots if row["job_id"] is not None)
    yield from (f"The job {job} has {number} slots" for job, number in created.items() if number > 1)
    jobs = {str(row["id"]) for row in database("select id from jobs_jobexecutionlog where is_scheduled")}
    yield from (f"The job {job} has no slot" for job in jobs - created.keys())
    entries = database("select details from audit_auditlog where action = 'Job Generate'")
    details = [json.loads(row["details"]) if isinstance(row["details"], str) else row["details"] for row in entries]
    for_times = Counter((each["schedule"], each["slot"]) for each in details if "slot" in each)
    yield from (f"{slug} ran {number} times for {slot}" for (slug, slot), number in for_times.items() if number > 1)
    if len(for_times) != len(created):
        yield f"{len(for_times)} times ran, but {len(created)} slots have a job"
