"""The trivial job as a Celery task."""

from __future__ import annotations

import os

from celery import Celery

from bench.queue.trivial_job import record_run

app = Celery("bench", broker=os.environ["BENCH_REDIS_URL"], backend=os.environ["BENCH_REDIS_URL"])
task = app.task(record_run, name="record_run")
