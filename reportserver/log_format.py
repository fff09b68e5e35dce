"""How the server logs: one JSON object per line, on standard error."""

from __future__ import annotations

from typing import Any

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


def logging_config(level: str) -> dict[str, Any]:
    """Django's LOGGING."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "json": {
                "()": "pythonjsonlogger.json.JsonFormatter",
                "format": "{asctime} {levelname} {name} {message}",
                "style": "{",
                "rename_fields": {"asctime": "time", "levelname": "level", "name": "logger"},
            }
        },
        "handlers": {
            "stderr": {"class": "reportserver.operations.log_files.StandardErrorHandler", "formatter": "json"}
        },
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            # These repeat the lines of reportserver.web.request_log, and add paths, which may contain what users typed.
            "django.request": {"level": "CRITICAL"},
            "django.security": {"level": "CRITICAL"},
            # One line per message, each of which only says "look for a job". jobs.execution.worker logs the jobs.
            "django-q": {"level": "WARNING"},
        },
    }
