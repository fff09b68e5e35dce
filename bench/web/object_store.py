"""Download of a 200 MB result from an object store, compared with the store itself."""

from __future__ import annotations

import os
from datetime import timedelta
from urllib.parse import urlsplit

from bench.harness.formatting import below, met, milliseconds, number, ratio
from bench.harness.markdown import table
from bench.harness.statistics import median, percentile
from bench.web.download import Download, download, growth_rows, memory_growth
from bench.web.server import running_server
from tests.weed import credentials, weed_server

#: Milliseconds to the first byte, and the share of the store's own speed.
FIRST_BYTE_GOAL, SPEED_GOAL = 100, 0.7
#: MB by which a web process may grow with 8 clients: two blocks each, and what the HTTP client needs.
GROWTH_GOAL = 100
_COPIES = 6
_URL = "s3://lake/bench"


def measure(downloads: int) -> str:
    """Return the section of the document. `downloads`: by one client, from the server and from the store in turn."""
    with weed_server() as weed:
        variables = credentials(weed.s3_endpoint)
        os.environ.update(variables)
        with running_server(REPORTSERVER_ARTIFACTS_URL=_URL, REPORTSERVER_WEB_PROCESSES="1", **variables) as server:
            job = server.analyst.generate("flights-export", {"copies": _COPIES}, "csv")
            size = server.analyst.wait(job, seconds=600)["result"]["size"]
            url, token = f"{server.url}/api/v1/jobs/{job}/result", server.analyst.token
            direct = _presigned(job)
            ours, baseline = [], []
            for _ in range(downloads):
                ours.append(download(url, token))
                baseline.append(download(direct, ""))
            assert {each.size for each in (*ours, *baseline)} == {size}, "A download was incomplete."
            return _section(ours, baseline, memory_growth(server.web_processes(), url, token, size), size)


def _presigned(job: str) -> str:
    """Return a URL by which the store itself sends the result."""
    import obstore
    from obstore.store import from_url

    store = from_url(_URL, client_options={"allow_http": True})
    name = next(meta["path"] for found in obstore.list(store) for meta in found if f"{job}/" in meta["path"])
    url = obstore.sign(store, "GET", name, timedelta(hours=1))
    assert urlsplit(url).query
    return url


def _section(ours: list[Download], baseline: list[Download], growth: dict[str, float], size: int) -> str:
    first, store_first = (percentile([each.first_byte for each in some], 0.95) for some in (ours, baseline))
    speed, store_speed = (median([each.megabytes_per_second for each in some]) for some in (ours, baseline))
    megabytes = f"{size / 1e6:.0f}"
    head = [f"download of {megabytes} MB", "this server", "the store itself", "goal", ""]
    rows = [
        [
            "first byte, p95",
            milliseconds(first),
            milliseconds(store_first),
            f"< {FIRST_BYTE_GOAL} ms",
            below(first, FIRST_BYTE_GOAL),
        ],
        [
            "speed for one client, median",
            f"{number(speed)} MB/s",
            f"{number(store_speed)} MB/s",
            f"at least {SPEED_GOAL}x",
            f"{ratio(speed / store_speed)}, {met(speed / store_speed >= SPEED_GOAL)}",
        ],
        *growth_rows(growth, GROWTH_GOAL),
    ]
    return f"""
The same file in an object store (SeaweedFS on this machine), downloaded {len(ours)} times through one web process and,
in turn, from the store itself by a signed URL.

{table(head, rows)}

The web process fetches blocks of up to 4 MB, the next one while one is sent, so each client may take 8 MB of memory.
Store, server and client share the cores.
"""
