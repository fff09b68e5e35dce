"""No command runs as another user than the one to whom the data folder belongs."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from reportserver.owner import require_owner
from tests.ports import free_port
from tests.server import ROOT, environment

#: A number without a name, as in containers.
UNNAMED = 54_321
NOBODY = pwd.getpwnam("nobody").pw_uid
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away and become another user")


def give(path: Path, uid: int, mode: int = 0o700) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    os.chown(path, uid, uid)
    path.chmod(mode)
    return path


def said_to(uid: int, folder: Path) -> str:
    """What a process of this user is told about its current folder; empty if nothing is wrong."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.chdir(folder)
            os.setgroups([])
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
            require_owner(Path())
        except ImproperlyConfigured as error:
            os.write(writing, str(error).encode())
        except OSError as error:
            os.write(writing, repr(error).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        sentence = pipe.read()
    os.waitpid(child, 0)
    return sentence.removeprefix("REPORTSERVER_DATA_DIR: ")


def test_an_own_folder_and_one_that_is_new_are_used(tmp_path: Path) -> None:
    assert require_owner(tmp_path) == tmp_path
    (tmp_path / "keys").mkdir()
    assert require_owner(tmp_path) == tmp_path
    assert require_owner(tmp_path / "new") == tmp_path / "new"


@as_root
@pytest.mark.parametrize("command", ["prepare", "verify_audit", "anchor_audit", "doctor", "serve"])
@pytest.mark.parametrize(
    ("uid", "remedy"), [(NOBODY, "nobody: sudo -u nobody …"), (UNNAMED, "user 54321: sudo -u '#54321' …")]
)
def test_every_command_of_root_names_the_owner_and_creates_nothing(
    tmp_path: Path, command: str, uid: int, remedy: str
) -> None:
    folder = give(tmp_path / "data", uid)
    arguments = [command, *(["--reason=x"] if command == "anchor_audit" else [])]
    ended = subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=environment(folder, free_port()),
        capture_output=True,
        text=True,
        timeout=60,
    )
    who = remedy.partition(":")[0]
    assert ended.stderr == f"REPORTSERVER_DATA_DIR: {folder} belongs to {who}. Run this as {remedy}\n"
    assert ended.returncode == 1
    assert not list(folder.iterdir())


@as_root
@pytest.mark.parametrize(
    ("make", "uid", "sentence"),
    [
        (lambda data: (give(data, NOBODY), give(data / "keys", NOBODY)), NOBODY, ""),
        (lambda data: give(data, 0), 0, ""),
        (lambda data: give(data, 0, 0o755), NOBODY, ". belongs to root. Run this as root: sudo -u root …"),
        (lambda data: give(data, NOBODY, 0o777), UNNAMED, ". belongs to nobody. Run this as nobody: sudo -u nobody …"),
        # A volume as Kubernetes mounts it, at first and later.
        (lambda data: give(data, 0, 0o2777), UNNAMED, ""),
        (lambda data: (give(data, 0, 0o2777), give(data / "keys", UNNAMED)), UNNAMED, ""),
        (
            lambda data: (give(data, 0, 0o2777), give(data / "keys", NOBODY)),
            0,
            "keys belongs to nobody. Run this as nobody: sudo -u nobody …",
        ),
        # What an earlier sudo left.
        (
            lambda data: (give(data, UNNAMED), give(data / "keys", 0)),
            UNNAMED,
            "keys belongs to root. Give it back to user 54321: sudo chown -R 54321 keys",
        ),
    ],
)
def test_who_may_use_which_folder(tmp_path: Path, make: Callable[[Path], object], uid: int, sentence: str) -> None:
    make(tmp_path / "data")
    assert said_to(uid, tmp_path / "data") == sentence


@pytest.mark.skipif(
    subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode != 0,
    reason="nothing may be mounted, as in most containers",
)
@as_root
def test_keys_that_are_mounted_to_be_read_may_belong_to_anybody(tmp_path: Path) -> None:
    """In a mount namespace of its own, which ends with the process."""
    data = give(tmp_path / "data", 0)
    secrets = give(tmp_path / "secrets", NOBODY)
    (data / "keys").mkdir()
    code = "from pathlib import Path; from reportserver.owner import require_owner; require_owner(Path('{}'))"
    mounted = f'mount --bind {secrets} {data}/keys && {{}} exec {sys.executable} -c "{code.format(data)}"'
    for remount, status in ((f"mount -o remount,bind,ro {data}/keys &&", 0), ("", 1)):
        ended = subprocess.run(
            ["unshare", "--mount", "sh", "-c", mounted.format(remount)], cwd=ROOT, capture_output=True, text=True
        )
        assert (ended.returncode, "keys belongs to nobody" in ended.stderr) == (status, bool(status)), ended.stderr
