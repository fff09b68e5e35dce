#!/usr/bin/env python
"""The commands of the report server; `manage.py help` lists them."""

from __future__ import annotations

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line
from django.db import Error, connection

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "reportserver.settings")
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(str(error))
    except Error as error:
        if connection.connection is not None or "--traceback" in sys.argv:
            raise
        # It could not be connected to; what goes wrong in it later is told with its trace.
        why = (str(error).strip() or "no reason given").splitlines()[0].rstrip(".")
        sys.exit(f"REPORTSERVER_DATABASE_URL: the database can't be used: {why}.")
