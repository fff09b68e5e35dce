"""manage.py adopt: let schedules run and deliveries be sent from a restored or copied database."""

from __future__ import annotations

from django.core.management.base import BaseCommand

from audit.actions import operator_actor
from jobs import deployment


class Command(BaseCommand):
    help = (
        "After a database was restored or copied: let it belong to this installation, which runs its schedules and "
        "sends its deliveries from now on. Make sure first that the other installation doesn't."
    )

    def handle(self, *args: object, **options: object) -> None:
        if deployment.adopt(actor=operator_actor()):
            self.stdout.write("Adopted. Schedules and deliveries are active within ten seconds.")
        else:
            self.stdout.write("The database belongs to this installation. Nothing to do.")
