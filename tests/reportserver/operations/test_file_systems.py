"""SQLite is refused on network file systems: the rule on lines of mount tables, and a real file system of that type."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from reportserver.operations.file_systems import Mount, is_network_type, mount_of, parse_mounts
from tests.server import RunningServer, environment, free_port, prepare_server

TABLE = r"""
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 22 0:25 / /srv rw,relatime shared:2 master:1 - nfs4 server:/export rw,vers=4.2
31 30 254:0 /local /srv/local rw - ext4 /dev/vda rw
32 22 0:26 / /mnt/with\040space rw - cifs //server/share rw
33 22 0:27 / /twice rw - ext4 /dev/vdb rw
34 33 0:28 / /twice rw - smb3 //server/share rw
35 22 0:29 / /mnt/user rw - fuse.sshfs me@server:/ rw
36 22 0:30 / /mnt/disk rw - fuseblk /dev/sda1 rw
"""


@pytest.mark.parametrize(
    ("file", "type", "is_network"),
    [
        ("/var/db", "ext4", False),
        ("/srv/db", "nfs4", True),
        ("/srv/local/db", "ext4", False),
        ("/srvother/db", "ext4", False),
        ("/mnt/with space/db", "cifs", True),
        ("/twice/db", "smb3", True),
        ("/mnt/user/db", "fuse.sshfs", True),
        ("/mnt/disk/db", "fuseblk", False),
    ],
)
def test_the_last_and_deepest_mount_holds_a_file(file: str, type: str, is_network: bool) -> None:
    mount = mount_of(Path(file), parse_mounts(TABLE))
    assert mount is not None
    assert (mount.type, is_network_type(mount.type)) == (type, is_network)


@pytest.mark.parametrize(
    "type",
    [
        *("ceph", "fuse.ceph", "fuse.ceph-fuse", "fuse.juicefs", "gpfs", "gfs2", "ocfs2", "fuse.mfs", "fuse.mfsmount"),
        *("mfs", "fuse.glusterfs", "fuse.s3fs", "lustre"),
    ],
)
def test_file_systems_of_clusters_and_object_stores_are_network_file_systems(type: str) -> None:
    assert is_network_type(type)


@pytest.mark.parametrize("type", ["ext4", "xfs", "btrfs", "zfs", "overlay", "tmpfs", "fuse.bindfs", "virtiofs", "9p"])
def test_others_are_not(type: str) -> None:
    assert not is_network_type(type)


def test_lines_that_are_no_mounts_are_ignored() -> None:
    assert parse_mounts("nonsense\n\n22 1 254:0 / / rw - ext4 /dev/vda rw") == [Mount(Path("/"), "ext4")]
    assert mount_of(Path("/db"), []) is None


@pytest.fixture
def network_folder(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A folder on a file system of the type fuse.sshfs, or the one given, which copies another folder."""
    subtype = getattr(request, "param", "sshfs")
    if not shutil.which("bindfs"):
        pytest.skip("bindfs is not installed.")
    source, folder = tmp_path / "source", tmp_path / "folder"
    source.mkdir()
    folder.mkdir()
    mounted = subprocess.run(["bindfs", "-o", f"subtype={subtype}", source, folder], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("File systems in user space can't be mounted here.")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


@pytest.mark.parametrize("command", ["prepare", "serve", "jobserver"])
def test_no_program_starts_with_a_database_there(network_folder: Path, command: str) -> None:
    port = free_port()
    env = environment(network_folder, port)
    server = RunningServer(f"http://127.0.0.1:{port}", network_folder, env, process=None)  # type: ignore[arg-type]
    refused = server.manage(command, check=False)
    assert refused.returncode == 1
    assert f"{server.database()} is on a network file system (fuse.sshfs), where SQLite would lose" in refused.stderr
    assert "set REPORTSERVER_DATABASE_URL to postgresql://" in refused.stderr
    assert not list(network_folder.glob("*.sqlite3*")), "it was opened"


def test_a_link_to_it_is_followed_and_doctor_says_so(network_folder: Path, tmp_path: Path, prepared: Path) -> None:
    server = prepare_server(tmp_path / "data", prepared=prepared)
    shutil.move(server.database(), network_folder / "db")
    server.database().symlink_to(network_folder / "db")
    assert "is on a network file system (fuse.sshfs)" in server.manage("doctor", check=False).stdout
    assert server.manage("serve", check=False).returncode == 1


@pytest.mark.parametrize("network_folder", ["virtiofs", "9p"], indirect=True)
def test_doctor_warns_of_a_folder_that_other_machines_may_share(
    network_folder: Path, tmp_path: Path, prepared: Path
) -> None:
    server = prepare_server(tmp_path / "data", prepared=prepared)
    shutil.move(server.database(), network_folder / "db")
    server.database().symlink_to(network_folder / "db")
    lines = server.manage("doctor", check=False).stdout.splitlines()
    (line,) = [line for line in lines if "is in a folder of the machine that runs this one (fuse." in line]
    assert line.startswith("warning")
