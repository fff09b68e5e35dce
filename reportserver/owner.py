"""Checks that this process runs as the owner of the data folder."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

_ROOT = 0


def require_owner(folder: Path) -> Path:
    """Return the data folder. Raise ImproperlyConfigured if it or its keys belong to another user.

    After a `sudo manage.py prepare`, the server could neither write the database nor read the keys: what a command
    creates belongs to whoever runs it, and nobody else may use it.
    """
    for path in (folder, folder / "keys"):
        if path.exists() and not _is_usable(path):
            raise ImproperlyConfigured(f"REPORTSERVER_DATA_DIR: {_sentence(path, folder)}")
    return folder


def _is_usable(path: Path) -> bool:
    """True for this user's own folder, and for two kinds of volumes that containers mount."""
    owner = path.stat().st_uid
    # Nothing is created in a folder of secrets that is mounted to be read. A folder that root's group may write, as
    # Kubernetes prepares it, is root's whoever runs the container; the owner of the keys in it tells who that is.
    is_read_only = bool(os.statvfs(path).f_flag & os.ST_RDONLY)
    is_volume = owner == _ROOT and os.access(path, os.W_OK | os.X_OK, effective_ids=True)
    return owner == os.geteuid() or is_read_only or is_volume


def _sentence(path: Path, folder: Path) -> str:
    owner, user = path.stat().st_uid, os.geteuid()
    if user != _ROOT and folder.stat().st_uid == user:
        # Left behind by a command that another user, probably root, ran before this was refused.
        return f"{path} belongs to {_name(owner)}. Give it back to {_name(user)}: sudo chown -R {user} {path}"
    account = _name(owner, unnamed="'#{}'")
    return f"{path} belongs to {_name(owner)}. Run this as {_name(owner)}: sudo -u {account} …"


def _name(uid: int, unnamed: str = "user {}") -> str:
    """The user's name. In a container, a user may have a number only."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return unnamed.format(uid)
