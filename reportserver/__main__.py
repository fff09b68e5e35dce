"""The commands of the report server: `reportserver`, `python -m reportserver` or `manage.py`; `help` lists them."""

from __future__ import annotations

import os
import signal
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line
from django.db import Error, connection

from common.exceptions import DomainError
from common.processes import hide_new_files

#: As of a program that SIGPIPE ended.
_BROKEN_PIPE_STATUS = 128 + signal.SIGPIPE


def main() -> None:
    """Run the command in `sys.argv`.

    Exit with a sentence if a setting is wrong, the database can't be reached, or what was asked for can't be done. Exit
    quietly if nobody reads the output any more.
    """
    hide_new_files()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "reportserver.settings")
    try:
        try:
            _run()
        finally:
            # Python would do this at its end, where nothing can catch the error.
            sys.stdout.flush()
    except BrokenPipeError:
        # Python flushes once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(_BROKEN_PIPE_STATUS)


def _run() -> None:
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(str(error))
    except DomainError as error:
        sys.exit(error.message)
    except Error as error:
        # An error on an open connection is a bug or an outage: it keeps its traceback.
        if connection.connection is not None or "--traceback" in sys.argv:
            raise
        reason = (str(error).strip() or "no reason given").splitlines()[0].rstrip(".")
        sys.exit(f"REPORTSERVER_DATABASE_URL: the database can't be used: {reason}.")


if __name__ == "__main__":
    main()
