"""The product's settings with a temporary data folder. Servers that tests start get folders of their own."""

from __future__ import annotations

import os
import tempfile

_folder = tempfile.TemporaryDirectory(prefix="reportserver-tests-", ignore_cleanup_errors=True)
os.environ.update(
    {
        "REPORTSERVER_DATA_DIR": _folder.name,
        "REPORTSERVER_DEMO": "0",
        "REPORTSERVER_PUBLIC_URL": "http://testserver",
        # Tests keep their data sources wherever they like.
        "REPORTSERVER_SOURCE_FOLDERS": "/",
    }
)
for _name in ("SECRET_KEY", "JWT_KEY", "DATA_KEY", "AUDIT_KEY"):
    os.environ[f"REPORTSERVER_{_name}"] = f"{_name} of the test run, long enough to be accepted"

from reportserver.settings import *  # noqa: E402, F403

# Argon2 takes 50 ms by design, and tests sign in hundreds of times.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
# WhiteNoise warns if the folder is missing, and warnings fail tests.
STATIC_ROOT.mkdir(exist_ok=True)  # noqa: F405
