"""Receivers of what jobs deliver, and a report that delivers to all of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from tests.faults.cluster import Cluster, kill, until
from tests.faults.history import Effect
from tests.sinks import Calls, Mails, call_sink, mail_sink

_TO = ["ann@example.com", "bob@example.com"]
#: Two mails, a call and a file: what each job of the report delivers.
DELIVERIES = len(_TO) + 2


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

    def took_effect_once(self, *jobs: str) -> bool:
        """Whether each of these jobs sent each of its deliveries, and nothing arrived twice, not even with one id."""
        self.all_ended()
        arrived = [effect for effect in self.effects() if effect.job in jobs]
        keys = {effect.key for effect in arrived}
        assert len(keys) == len(jobs) * DELIVERIES, keys
        assert len(arrived) == len(keys), arrived
        return True

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
