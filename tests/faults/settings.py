"""The real settings, and one more data source: one that does harm. Only workers of the fault tests run with them."""

from __future__ import annotations

import os

from reportserver.settings import *  # noqa: F403
from reportserver.settings import INSTALLED_APPS, Q_CLUSTER

INSTALLED_APPS = [*INSTALLED_APPS, "tests.faults.harm.HarmConfig"]
# A guard of django-q2's that counts in other steps than the half seconds it counts in.
Q_CLUSTER = {**Q_CLUSTER, "guard_cycle": float(os.environ.get("FAULTS_GUARD_CYCLE", Q_CLUSTER["guard_cycle"]))}
