"""manage.py serve: web server and workers under one supervisor."""

from __future__ import annotations

import errno
import socket
import sys

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from reportserver import demo
from reportserver.operations.serving import Server

_REMEDIES = {
    errno.EADDRINUSE: "Set PORT to a free one.",
    errno.EACCES: "Set PORT to one of at least 1024, or start as a user who may.",
}


class Command(BaseCommand):
    help = "Run the web server and the workers, restart what dies, stop both cleanly on Ctrl-C or SIGTERM."

    def handle(self, *args: object, **options: object) -> None:
        self._check_address()
        connection.ensure_connection()
        connection.close()
        sys.exit(Server(greet=self._greet).run())

    def _check_address(self) -> None:
        family = socket.AF_INET6 if ":" in settings.HOST else socket.AF_INET
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((settings.HOST, settings.PORT))
            except OSError as error:
                remedy = _REMEDIES.get(error.errno or 0, "Set HOST to an address of this machine.")
                raise CommandError(f"Can't listen on {settings.ADDRESS}: {error.strerror}. {remedy}") from error

    def _greet(self) -> None:
        empty = f"Report server at {settings.PUBLIC_URL}\nMake a first Administrator: manage.py createsuperuser\n"
        self.stdout.write(demo.walk() if settings.DEMO else empty)
        self.stdout.flush()
