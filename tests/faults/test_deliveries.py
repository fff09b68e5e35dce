"""Deliverers are killed between sending and noting, and receivers fail: all arrives, and nothing takes effect twice."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from tests.faults.cluster import Cluster, kill, until
from tests.faults.history import Effect
from tests.sinks import Calls, Mails, call_sink, mail_sink

_TO = ["ann@example.com", "bob@example.com"]


class Sinks:
    """A mail server, a webhook and a file share, and hosts that deliver to them."""

    def __init__(self, cluster: Cluster, mails: Mails, calls: Calls, share: Path) -> None:
        self.cluster, self.mails, self.calls, self.share = cluster, mails, calls, share

    def effects(self) -> list[Effect]:
        """All that arrived, by what the receivers see of it."""
        found = []
        for address, message in self.mails.received:
            (job,) = re.findall(r"/jobs/([-0-9a-f]{36})", str(message.get_body()))
            found.append(Effect(job, "email", address, str(message["Message-ID"])))
        for headers, body in self.calls.received:
            found.append(Effect(json.loads(body)["data"]["jobId"], "webhook", self.calls.url, headers["webhook-id"]))
        for path in self.share.rglob("*.csv"):
            found.append(Effect(path.stem[-36:], "file_share", "daily", path.name))
        return found

    def submit(self, count: int) -> list[str]:
        """Jobs that have ended and whose results are on their way."""
        jobs = [self.cluster.submit(report="delivered") for _ in range(count)]
        self.cluster.ended(*jobs)
        return jobs

    def all_ended(self) -> None:
        pending = "select count(*) as n from jobs_delivery where state = 'pending'"
        until(lambda: self.cluster.database(pending)[0]["n"] == 0)

    def kill_deliverers(self) -> None:
        for host in self.cluster.hosts:
            kill(self.cluster.deliverer(host))


@contextmanager
def sinks_of(cluster: Cluster, folder: Path) -> Iterator[Sinks]:
    """Until its end every host of the cluster delivers to them."""
    cluster.no_hosts()
    with mail_sink() as mails, call_sink() as calls:
        sinks = Sinks(cluster, mails, calls, folder / "share")
        sinks.share.mkdir()
        definitions = folder / "delivered.yaml"
        definitions.write_text(yaml.safe_dump({"reports": [_report(calls.url)]}))
        cluster.server.manage("apply", str(definitions))
        before = dict(cluster.server.env)
        cluster.server.env |= {
            "REPORTSERVER_EMAIL_URL": f"smtp://127.0.0.1:{mails.port}",
            "REPORTSERVER_WEBHOOK_ALLOW": "127.0.0.1/32",
            "REPORTSERVER_FILE_SHARE": str(sinks.share),
            "REPORTSERVER_DELIVERY_LEASE_SECONDS": "3",
        }
        cluster.two_hosts()
        try:
            yield sinks
        finally:
            cluster.no_hosts()
            cluster.server.env = before
        cluster.effects += sinks.effects()


def _report(url: str) -> dict[str, object]:
    outside = [{"kind": "email", "to": _TO}, {"kind": "webhook", "url": url}, {"kind": "file_share", "path": "daily"}]
    return {
        "slug": "delivered", "tenant": "acme", "name": "Delivered", "data_source": "harmful", "timeout_seconds": 120,
        "query": "select :harm as harm, value from n", "formats": ["csv"],
        "parameters": [{"name": "harm", "type": "string", "max_length": 300, "label": "Harm"}],
        "grants": {"generate": ["analysts"], "view": ["analysts"]},
        "delivery": [{"kind": "api_response", "mode": "asynchronous"}, *outside],
    }  # fmt: skip


@pytest.fixture
def sinks(cluster: Cluster, tmp_path: Path) -> Iterator[Sinks]:
    with sinks_of(cluster, tmp_path) as found:
        yield found


def _once(harm: Callable[[], None]) -> Callable[[], None]:
    left = [harm]
    return lambda: left.pop()() if left else None


def test_a_deliverer_killed_between_sending_and_noting_sends_again_under_the_same_id(sinks: Sinks) -> None:
    sinks.mails.before_reply = _once(sinks.kill_deliverers)
    sinks.calls.before_reply = _once(sinks.kill_deliverers)
    jobs = sinks.submit(3)
    sinks.all_ended()
    effects = sinks.effects()
    assert len({effect.key for effect in effects}) == len(jobs) * 4
    assert len({effect.id for effect in effects}) == len(jobs) * 4
    assert len(effects) > len(jobs) * 4, "nothing was sent twice: the deliverer was not killed in between"
    for job in jobs:
        assert sinks.cluster.kinds(job).count("delivered") == 4


@pytest.mark.chaos
def test_what_receivers_refuse_is_sent_when_they_take_it_and_the_job_has_succeeded(sinks: Sinks) -> None:
    sinks.mails.reply, sinks.calls.status = "451 not now", 503
    (job,) = sinks.submit(1)
    until(lambda: sinks.cluster.kinds(job).count("delivery_failed") >= 3, 30)
    assert sinks.cluster.database.job(job)["status"] == "Succeeded"
    sinks.mails.reply, sinks.calls.status = "250 OK", 200
    sinks.all_ended()
    assert sinks.cluster.kinds(job).count("delivered") == 4
