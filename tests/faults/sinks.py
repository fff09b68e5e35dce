"""Receivers of deliveries, and a report that delivers to all of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from tests.faults.cluster import Cluster, kill, wait_for
from tests.faults.history import Effect
from tests.sinks import Calls, Mails, call_sink, mail_sink

_TO = ["ann@example.com", "bob@example.com"]
#: Deliveries of each job of the report: two e-mails, a webhook call and a file.
DELIVERIES = len(_TO) + 2


class Sinks:
    """A mail server, a webhook and a file share, and the hosts that deliver to them."""

    def __init__(self, cluster: Cluster, mails: Mails, calls: Calls, share: Path) -> None:
        self.cluster, self.mails, self.calls, self.share = cluster, mails, calls, share

    def effects(self) -> list[Effect]:
        """Return everything that arrived, as its receivers see it."""
        effects = []
        for address, message in self.mails.received:
            (job,) = re.findall(r"/jobs/([-0-9a-f]{36})", str(message.get_body()))
            effects.append(Effect(job, "email", address, str(message["Message-ID"])))
        for headers, body in self.calls.received:
            effects.append(Effect(json.loads(body)["data"]["jobId"], "webhook", self.calls.url, headers["webhook-id"]))
        for path in self.share.rglob("*.csv"):
            effects.append(Effect(path.stem[-36:], "file_share", "daily", path.name))
        return effects

    def submit(self, count: int) -> list[str]:
        """Request reports that deliver, and wait until the jobs, but not the deliveries, have ended."""
        jobs = [self.cluster.submit(report="delivered") for _ in range(count)]
        self.cluster.wait_ended(*jobs)
        return jobs

    def took_effect_once(self, *jobs: str) -> bool:
        """Check that each delivery of these jobs arrived exactly once, without duplicates of the same id."""
        self.wait_delivered()
        arrived = [effect for effect in self.effects() if effect.job in jobs]
        keys = {effect.key for effect in arrived}
        assert len(keys) == len(jobs) * DELIVERIES, keys
        assert len(arrived) == len(keys), arrived
        return True

    def wait_delivered(self) -> None:
        pending = "select count(*) as n from jobs_delivery where state = 'pending'"
        wait_for(lambda: self.cluster.database(pending)[0]["n"] == 0)

    def kill_deliverers(self) -> None:
        for host in self.cluster.hosts:
            kill(self.cluster.deliverer(host))


@contextmanager
def sinks_of(cluster: Cluster, folder: Path) -> Iterator[Sinks]:
    """Have every host of the cluster deliver to sinks, until the end of the block."""
    cluster.stop_all_hosts()
    with mail_sink() as mails, call_sink() as calls:
        sinks = Sinks(cluster, mails, calls, folder / "share")
        sinks.share.mkdir()
        definitions = folder / "delivered.yaml"
        definitions.write_text(yaml.safe_dump({"reports": [_report(calls.url)]}))
        cluster.server.manage("apply", str(definitions))
        env = dict(cluster.server.env)
        cluster.server.env |= {
            "REPORTSERVER_EMAIL_URL": f"smtp://127.0.0.1:{mails.port}",
            "REPORTSERVER_WEBHOOK_ALLOW": "127.0.0.1/32",
            "REPORTSERVER_FILE_SHARE": str(sinks.share),
            "REPORTSERVER_DELIVERY_LEASE_SECONDS": "3",
        }
        cluster.ensure_two_hosts()
        try:
            yield sinks
        finally:
            cluster.stop_all_hosts()
            cluster.server.env = env
        cluster.effects += sinks.effects()


def _report(url: str) -> dict[str, object]:
    targets = [{"kind": "email", "to": _TO}, {"kind": "webhook", "url": url}, {"kind": "file_share", "path": "daily"}]
    return {
        "slug": "delivered", "tenant": "acme", "name": "Delivered", "data_source": "harmful", "timeout_seconds": 120,
        "query": "select :harm as harm, value from n", "formats": ["csv"],
        "parameters": [{"name": "harm", "type": "string", "max_length": 300, "label": "Harm"}],
        "grants": {"generate": ["analysts"], "view": ["analysts"]},
        "delivery": [{"kind": "api_response", "mode": "asynchronous"}, *targets],
        "deliver": "always",
    }  # fmt: skip
