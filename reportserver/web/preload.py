"""Work that the web server does once, before it forks its processes."""

from __future__ import annotations

import atexit
import gc
from importlib import import_module

from django.conf import settings


def preload() -> None:
    """Load all views, which would take half a second of each process's first request.

    The garbage collector then ignores everything loaded so far: going through it would stop a process for a tenth of a
    second now and then.
    """
    import_module(settings.ROOT_URLCONF)
    gc.collect()
    gc.freeze()
    # DuckDB reports an error at exit if its objects were not collected.
    atexit.register(gc.unfreeze)
