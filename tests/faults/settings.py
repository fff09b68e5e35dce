"""The product's settings, with a data source that misbehaves. The workers of the fault tests use them."""

from __future__ import annotations

import os

from reportserver.settings import *  # noqa: F403
from reportserver.settings import INSTALLED_APPS, Q_CLUSTER

INSTALLED_APPS = [*INSTALLED_APPS, "tests.faults.harm.HarmConfig"]
# With a lower priority, reports would not finish in time on a busy machine.
JOB_NICENESS = 0
# A test runs with another cycle of django-q2's guard than its usual half second.
Q_CLUSTER = {**Q_CLUSTER, "guard_cycle": float(os.environ.get("FAULTS_GUARD_CYCLE", Q_CLUSTER["guard_cycle"]))}
