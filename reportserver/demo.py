"""The demo: its definitions, its passwords, and the walkthrough that is printed at the start."""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path

from django.conf import settings
from django.contrib.auth.hashers import check_password

from accounts.models import Tenant, User
from audit.actions import SYSTEM
from reports import actions
from reports.definitions import files

DEFINITIONS = Path(settings.RESOURCES_DIR) / "demo" / "definitions.yaml"
_USERS = ("admin", "analyst", "outsider")
_PASSWORDS = Path(settings.DATA_DIR) / "demo-passwords.json"

_WALKTHROUGH = """\
Report server at {url}

  Sign in                   {url}/login
    as Administrator        admin     {admin}
    as a report user        analyst   {analyst}

  Or paste this into another terminal to request a report, wait for it and download it:

    API={url}/api/v1
    TOKEN=$(curl -s $API/auth/token -H 'Content-Type: application/json' \\
      -d '{{"username": "analyst", "password": "{analyst}"}}' | sed 's/.*"access":"\\([^"]*\\)".*/\\1/')
    JOB=$(curl -s -X POST $API/reports/busiest-routes/generate -H "Authorization: Bearer $TOKEN" \\
      -H 'Content-Type: application/json' -d '{{"parameters": {{"top": 10}}, "format": "csv"}}' \\
      | sed 's/.*"statusUrl":"\\([^"]*\\)".*/\\1/')
    until curl -s $JOB -H "Authorization: Bearer $TOKEN" | tee /dev/stderr | grep -qE '"status":"(Succeeded|Failed)"'
      do sleep 1; done; echo
    curl -s $JOB/result -H "Authorization: Bearer $TOKEN"

  API documentation: {url}/api/docs    Logs: {logs}    Stop: Ctrl-C
"""

_WITHOUT_PASSWORDS = """\
Report server at {url}

  Sign in with the users of the database. This folder has no passwords for them: they were set elsewhere.
  manage.py changepassword NAME sets a new one.
"""


def install() -> bool:
    """Load the demo's tenants, users, sources and reports. Returns False if they were loaded before."""
    if Tenant.objects.filter(slug="demo").exists():
        return False
    # The definitions name these variables, like any definitions file.
    os.environ |= {f"REPORTSERVER_DEMO_{name.upper()}_PASSWORD": password for name, password in passwords().items()}
    actions.apply(definitions=files.load([DEFINITIONS]).definitions, actor=SYSTEM)
    return True


def passwords() -> dict[str, str]:
    """Passwords by user name, for the users that are about to be created. Generated once, into the data folder."""
    stored = _stored_passwords()
    if not stored:
        stored = {name: secrets.token_urlsafe(9) for name in _USERS}
        _PASSWORDS.touch(mode=0o600)
        _PASSWORDS.write_text(json.dumps(stored))
    return stored


def _stored_passwords() -> dict[str, str]:
    stored: dict[str, str] = json.loads(_PASSWORDS.read_text()) if _PASSWORDS.exists() else {}
    return stored


def walkthrough() -> str:
    """The first steps of a new user, ready to paste. Without passwords that aren't the users', as after a restore."""
    stored = _stored_passwords()
    users = User.objects.filter(username__in=_USERS, tenant__slug="demo").values_list("username", "password")
    hashes = dict(users)
    if not all(check_password(stored.get(name), hashes.get(name, "")) for name in ("admin", "analyst")):
        return _WITHOUT_PASSWORDS.format(url=settings.PUBLIC_URL)
    return _WALKTHROUGH.format(url=settings.PUBLIC_URL, logs=Path(settings.DATA_DIR) / "logs", **stored)
