"""The commands of the report server: `reportserver`, `python -m reportserver` or `manage.py`; `help` lists them."""

from __future__ import annotations

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line
from django.db import Error, connection

from common.exceptions import DomainError


def main() -> None:
    """Run the command in `sys.argv`.

    Exit with a sentence if a setting is wrong, the database can't be reached, or what was asked for can't be done.
    """
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "reportserver.settings")
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
