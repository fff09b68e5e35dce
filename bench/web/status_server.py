"""The smallest WSGI application that checks a token and reads a job: what status calls are compared with.

It knows no sessions, rights, rate limits, log or ETag.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from collections.abc import Callable, Iterable
from typing import Any

import jwt

_local = threading.local()
_SELECT = "select * from jobs_jobexecutionlog where id = ?"


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    if environ["PATH_INFO"] == "/livez":  # each client's first request
        start_response("200 OK", [("Content-Length", "0")])
        return []
    jwt.decode(environ["HTTP_AUTHORIZATION"].removeprefix("Bearer "), os.environ["BENCH_KEY"], algorithms=["HS256"])
    row = _database().execute(_SELECT, [environ["PATH_INFO"].rpartition("/")[2].replace("-", "")]).fetchone()
    body = json.dumps({name: row[name] for name in row.keys()}).encode()  # noqa: SIM118 - of a sqlite3.Row
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]


def _database() -> sqlite3.Connection:
    if not hasattr(_local, "database"):
        _local.database = sqlite3.connect(os.environ["BENCH_DATABASE"])
        _local.database.row_factory = sqlite3.Row
    connection: sqlite3.Connection = _local.database
    return connection
