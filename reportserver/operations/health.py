"""Health checks for probes: is the process up, and can the installation do its work?"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse

from common.models import RateCount
from jobs.models import WorkerHost
from jobs.queue import broker
from jobs.results import store
from reportserver.operations import schema
from reportserver.operations.metrics_token import has_metrics_token

log = logging.getLogger(__name__)
#: A block of most file systems.
_MIN_FREE_BYTES = 4096


def livez(request: HttpRequest) -> HttpResponse:
    """200 as long as the process answers."""
    return HttpResponse("ok\n", content_type="text/plain")


def readyz(request: HttpRequest) -> HttpResponse:
    """200 if database, storage and workers are ready, else 503. The log says why.

    To callers with the token of the metrics, the body names what isn't. Writes nothing: anybody may call it.
    """
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
    is_ready = all(results.values())
    status = 200 if is_ready else 503
    if not has_metrics_token(request):
        return HttpResponse("ready\n" if is_ready else "not ready\n", status=status, content_type="text/plain")
    return JsonResponse({name: "ok" if passed else "failing" for name, passed in results.items()}, status=status)


def _database() -> bool:
    sentence = schema.not_prepared()
    if sentence:
        log.error("%s %s", sentence, schema.REMEDY)
    # Every call is counted, on SQLite in a file of its own.
    RateCount.objects.exists()
    return not sentence


def _storage() -> bool:
    store.check()
    # Beside an object store, the folder in which attempts write their drafts.
    folder = Path(settings.ARTIFACTS_DIR)
    usage = os.statvfs(folder)
    has_room = usage.f_bavail * usage.f_frsize >= _MIN_FREE_BYTES
    return has_room and not usage.f_flag & os.ST_RDONLY and os.access(folder, os.W_OK | os.X_OK)


def _workers() -> bool:
    return WorkerHost.objects.alive().exists()


def _queue() -> bool:
    broker.ping()
    return True
