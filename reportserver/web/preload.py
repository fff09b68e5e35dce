"""What a web server does before its processes are forked, so that none of them has to."""

from __future__ import annotations

import atexit
import gc
from importlib import import_module

from django.conf import settings


def preload() -> None:
    """Load all pages and calls, half a second of the first request. What all processes share is never looked at by the
    collector of garbage, which would stop one of them for a tenth of a second now and then."""
    import_module(settings.ROOT_URLCONF)
    gc.collect()
    gc.freeze()
    # What is not taken apart at the end is complained of by DuckDB.
    atexit.register(gc.unfreeze)
