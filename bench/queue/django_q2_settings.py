"""Settings of a project that contains only django-q2, with its queue in the project's database or in Redis."""

from __future__ import annotations

import os

import environ

_database = environ.Env().db_url_config(os.environ["BENCH_DATABASE_URL"])
if _database["ENGINE"].endswith("sqlite3"):
    _database["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL",
    }
SECRET_KEY = "used only by a benchmark"
INSTALLED_APPS = ["django_q"]
DATABASES = {"default": _database}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
_redis = os.environ.get("BENCH_REDIS_URL")
Q_CLUSTER = {
    "name": "bench",
    "workers": 2,
    "timeout": 60,
    "retry": 120,
    "poll": 0.1,
    "log_level": "WARNING",
    **({"redis": _redis} if _redis else {"orm": "default"}),
}
