"""Health checks for probes: is the process up, and can the installation do its work?"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable
from pathlib import Path

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse

from jobs.models import WorkerHost
from jobs.queue import broker
from jobs.results import store
from reportserver.operations import schema

log = logging.getLogger(__name__)


def livez(request: HttpRequest) -> HttpResponse:
    """200 as long as the process answers."""
    return HttpResponse("ok\n", content_type="text/plain")


def readyz(request: HttpRequest) -> HttpResponse:
    """200 if database, storage and workers are ready, else 503. The body names what isn't; the log says why."""
    checks: dict[str, Callable[[], bool]] = {"database": _database, "storage": _storage, "workers": _workers}
    if settings.BROKER_URL:
        checks["queue"] = _queue
    results: dict[str, bool] = {}
    for name, check in checks.items():
        try:
            results[name] = check()
        except Exception:
            log.exception("A health check failed: %s", name)
            results[name] = False
    return JsonResponse(
        {name: "ok" if passed else "failing" for name, passed in results.items()},
        status=200 if all(results.values()) else 503,
    )


def _database() -> bool:
    sentence = schema.not_prepared()
    if sentence:
        log.error("%s %s", sentence, schema.REMEDY)
    return not sentence


def _storage() -> bool:
    folder = Path(settings.ARTIFACTS_DIR)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    store.check()
    with tempfile.TemporaryFile(dir=folder) as file:
        return file.write(b"probe") == 5


def _workers() -> bool:
    return WorkerHost.objects.alive().exists()


def _queue() -> bool:
    broker.ping()
    return True
