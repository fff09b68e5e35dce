"""Configuration of gunicorn. Threads, because one waits in sendfile or a long poll while the others answer."""

from __future__ import annotations

from typing import Any

from django.conf import settings

from common.children.client import children
from common.processes import hide_new_files
from reportserver.web.preload import preload

hide_new_files()
bind = settings.ADDRESS
wsgi_app = "reportserver.wsgi"
worker_class = "reportserver.web.worker.BufferingWorker"
workers = settings.WEB_PROCESSES
threads = settings.WEB_THREADS
preload_app = True
timeout = 60
graceful_timeout = 20
keepalive = 30
control_socket_disable = True
# By default gunicorn believes every program of this machine. reportserver.web.client_address decides instead.
forwarded_allow_ips = ""
accesslog = None
# Its own handler writes plain text.
logconfig_dict: dict[str, Any] = {
    **settings.LOGGING,
    "loggers": {
        **settings.LOGGING["loggers"],
        "gunicorn.error": {"handlers": [], "level": "WARNING", "propagate": True},
    },
}


def post_worker_init(worker: Any) -> None:
    """Called in each process after the fork, which no thread survives."""
    from reportserver.auth import key_log  # needs the models, which aren't loaded yet when gunicorn reads this file

    key_log.start()


def worker_exit(server: Any, worker: Any) -> None:
    """Called in each process when it ends."""
    from reportserver.auth import key_log

    key_log.write()


def when_ready(server: Any) -> None:
    """Called when the application is loaded and before gunicorn forks its processes."""
    preload()
    # Before the fork, so that all processes share it.
    children.start()
