"""The option of commands that names the user as whom a report runs."""

from __future__ import annotations

from argparse import ArgumentParser

from django.core.management.base import CommandError

from accounts.models import User


def add_identity(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--as", dest="as_user", metavar="USER", help="the user whose attributes count, for reports that depend on them"
    )


def find_identity(username: str | None) -> User | None:
    """Return the active user; None without a name. Raises CommandError if there is none."""
    if username is None:
        return None
    user = User.objects.select_related("tenant").filter(username=username, is_active=True).first()
    if user is None:
        raise CommandError(f"There is no active user {username!r}.")
    return user
