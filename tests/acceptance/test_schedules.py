"""Contract, 9: a running server runs what schedules say."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from tests.acceptance.helpers import assert_error
from tests.server import Client, RunningServer

#: Lets the last minute have no slot yet, so that the test needn't wait for the next one.
REWIND = """
from datetime import timedelta
from django.utils import timezone
from schedules.models import Schedule
at = timezone.now().replace(second=0, microsecond=0)
Schedule.objects.filter(slug="minutely").update(next_at=at)
"""


def test_the_jobserver_runs_a_schedule_whose_time_has_come(server: RunningServer, bob: Client) -> None:
    body = {"slug": "minutely", "report": "sales-by-region", "cron": "* * * * *", "parameters": {"since": "now-9y/y"}}
    created = bob.post("/schedules", json=body)
    assert created.status_code == 201, created.text
    server.manage("shell", "-v0", "-c", REWIND)
    deadline = time.monotonic() + 60
    while not (slots := bob.get("/schedules/minutely/slots").json()["results"]) and time.monotonic() < deadline:
        time.sleep(0.5)
    assert bob.post("/schedules/minutely/pause").status_code == 200
    job = bob.wait(slots[-1]["jobId"])
    assert (job["status"], job["createdBy"]) == ("Succeeded", "bob")
    assert job["parameters"]["since"] == f"{datetime.now(UTC).year - 9}-01-01"
    slot = datetime.fromisoformat(slots[-1]["slot"])
    assert slot.second == 0 and datetime.now(UTC) - slot < timedelta(minutes=5)
    assert bob.request("DELETE", "/schedules/minutely").status_code == 204
    assert_error(bob.get("/schedules/minutely"), 404, "schedule_not_found", "No such schedule.")
