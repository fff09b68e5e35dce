"""The real settings, and one more data source: one that does harm. Only workers of the fault tests run with them."""

from __future__ import annotations

from reportserver.settings import *  # noqa: F403
from reportserver.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.faults.harm.HarmConfig"]
