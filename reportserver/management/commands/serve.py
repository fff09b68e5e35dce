"""manage.py serve: the web server and the workers of this host under one supervisor."""

from __future__ import annotations

import errno
import socket
import sys

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from reportserver import demo
from reportserver.operations import object_store, schema
from reportserver.operations.serving import Server, programs

_REMEDIES = {
    errno.EADDRINUSE: "Set PORT to a free port.",
    errno.EACCES: "Set PORT to 1024 or higher, or start the server as a user who may use lower ports.",
}


class Command(BaseCommand):
    help = "Run the web server and the workers, and restart them if they end. Ctrl-C or SIGTERM stops both cleanly."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--web", action="store_true", help="run no workers: other hosts have them")

    def handle(self, *args: object, web: bool, **options: object) -> None:
        self._check_address()
        # Without a usable database, stop here with one sentence rather than restart the programs again and again.
        schema.require_prepared()
        object_store.require_usable()
        sys.exit(Server(self._print_welcome, programs(workers=not web)).run())

    def _check_address(self) -> None:
        family = socket.AF_INET6 if ":" in settings.HOST else socket.AF_INET
        with socket.socket(family) as probe:
            # As gunicorn sets it: connections of an earlier server that are still closing don't block the port.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((settings.HOST, settings.PORT))
            except OSError as error:
                remedy = _REMEDIES.get(error.errno or 0, "Set HOST to an address of this machine.")
                raise CommandError(f"Can't listen on {settings.ADDRESS}: {error.strerror}. {remedy}") from error

    def _print_welcome(self) -> None:
        if settings.DEMO:
            self.stdout.write(demo.walkthrough())
        else:
            self.stdout.write(f"Report server at {settings.PUBLIC_URL}")
            self.stdout.write("Create the first Administrator with manage.py createsuperuser\n")
        self.stdout.flush()
