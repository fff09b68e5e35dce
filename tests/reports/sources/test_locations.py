"""Where files of data sources may lie, whatever name they are given."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from reports.exceptions import SourceUnusable
from reports.sources import describe, read
from reports.sources.base import Limits, SourceSpec
from reports.sources.locations import LocationRules


@pytest.fixture
def server(tmp_path: Path) -> Path:
    """A server's data folder, with a database, a key and a result."""
    data = tmp_path / "server"
    for name in ("keys", "artifacts/ab"):
        (data / name).mkdir(parents=True)
    with closing(sqlite3.connect(data / "reportserver.sqlite3")) as database, database:
        database.execute("create table secret as select 'hash' as password")
    (data / "keys/audit_key").write_text("key")
    (data / "artifacts/ab/1.csv").write_text("a\n1\n")
    return data


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that the operator allows."""
    path = tmp_path / "sources"
    path.mkdir()
    return path


@pytest.fixture
def rules(server: Path, folder: Path) -> LocationRules:
    return LocationRules((str(server), str(server / "artifacts")), (str(folder),))


def _link(server: Path, folder: Path) -> Path:
    (folder / "link.db").symlink_to(server / "reportserver.sqlite3")
    return folder / "link.db"


def _chain_of_links(server: Path, folder: Path) -> Path:
    (folder / "first").symlink_to(folder / "second")
    (folder / "second").symlink_to(server)
    return folder / "first" / "reportserver.sqlite3"


def _hard_link(server: Path, folder: Path) -> Path:
    (folder / "hard.db").hardlink_to(server / "reportserver.sqlite3")
    return folder / "hard.db"


def _hard_link_of_a_result(server: Path, folder: Path) -> Path:
    (folder / "hard.csv").hardlink_to(server / "artifacts/ab/1.csv")
    return folder / "hard.csv"


def _link_to_the_root_of_a_process(server: Path, folder: Path) -> Path:
    (folder / "root").symlink_to("/proc/self/root")
    return folder / f"root{server}/reportserver.sqlite3"


def _open_file(server: Path, folder: Path) -> Path:
    descriptor = os.open(server / "reportserver.sqlite3", os.O_RDONLY)  # closed with the process
    return Path(f"/proc/{os.getpid()}/fd/{descriptor}")


WAYS: dict[str, Callable[[Path, Path], Path]] = {
    "plain": lambda server, folder: server / "reportserver.sqlite3",
    "the folder": lambda server, folder: server,
    "its keys": lambda server, folder: server / "keys",
    "a file that is not there": lambda server, folder: server / "later/new.db",
    "dots": lambda server, folder: folder / ".." / "server" / "reportserver.sqlite3",
    "double slashes": lambda server, folder: Path(f"/{server}//./reportserver.sqlite3"),
    "a link": _link,
    "a chain of links": _chain_of_links,
    "a hard link": _hard_link,
    "a hard link of a result": _hard_link_of_a_result,
    "a process's root": lambda server, folder: Path(f"/proc/self/root{server}/reportserver.sqlite3"),
    "a process's working folder": lambda server, folder: Path("/proc/self/cwd"),
    "a link to a process's root": _link_to_the_root_of_a_process,
    "an open file": _open_file,
    "a relative path": lambda server, folder: Path(os.path.relpath(server / "reportserver.sqlite3")),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("by_operator", [True, False])
def test_nothing_of_the_server_is_a_source(
    server: Path, folder: Path, rules: LocationRules, way: str, by_operator: bool
) -> None:
    location = WAYS[way](server, folder)
    checked = LocationRules(rules.protected) if by_operator else rules
    own, linked = "belongs to the server itself.", "has several names (hard links), so it could be one of the server's."
    expected = linked if way.startswith("a hard link") and not by_operator else own
    assert expected in (checked.error(location) or "")


def test_a_hard_link_of_a_file_that_is_not_the_servers_is_read_if_the_operator_chose_it(
    folder: Path, rules: LocationRules
) -> None:
    (folder / "once.csv").write_text("a\n1\n")
    (folder / "twice.csv").hardlink_to(folder / "once.csv")
    assert LocationRules(rules.protected).error(folder / "twice.csv") is None
    sentence = "The data source's file has several names (hard links), so it could be one of the server's. Copy it."
    assert rules.error(folder / "twice.csv") == sentence
    (folder / "once.csv").unlink()
    assert rules.error(folder / "twice.csv") is None


def test_hard_links_on_another_device_are_not_compared_with_the_servers_files(server: Path) -> None:
    shared_memory = Path("/dev/shm")  # noqa: S108 - it is another device
    if not shared_memory.is_dir() or shared_memory.stat().st_dev == server.stat().st_dev:
        pytest.skip("needs a second file system")
    with tempfile.TemporaryDirectory(dir=shared_memory) as other:
        (Path(other) / "once.csv").write_text("a\n1\n")
        (Path(other) / "twice.csv").hardlink_to(Path(other) / "once.csv")
        assert LocationRules((str(server),), (other,)).error(Path(other) / "twice.csv") is None


@pytest.fixture
def many_results(server: Path) -> Path:
    for number in range(20_000):
        file = server / f"artifacts/{number % 100:02}/{number}.csv"
        file.parent.mkdir(exist_ok=True)
        file.touch()
    return server / "artifacts"


def test_many_results_slow_no_source_down(many_results: Path, folder: Path, rules: LocationRules) -> None:
    (folder / "0.csv").write_text("a\n1\n")
    for number in range(1, 20):
        (folder / f"{number}.csv").hardlink_to(folder / "0.csv")
    files = list(folder.iterdir())
    listing = _cpu_seconds(lambda: [list(os.scandir(each)) for each in many_results.iterdir()])
    assert _cpu_seconds(lambda: rules.error(files[0])) < listing, "anybody's"
    assert _cpu_seconds(lambda: LocationRules(rules.protected).check(*files)) < 10 * listing, "an operator's"


def _cpu_seconds(run: Callable[[], object]) -> float:
    """The least of three, which other programs disturb least."""
    taken = []
    for _ in range(3):
        begin = time.process_time()
        run()
        taken.append(time.process_time() - begin)
    return min(taken)


@pytest.fixture
def case_insensitive_folder(tmp_path: Path) -> Iterator[Path]:
    """A file system that doesn't tell small letters from capital ones."""
    image, mounted = tmp_path / "image", tmp_path / "fat"
    mounted.mkdir()
    image.write_bytes(bytes(2 << 20))
    commands = [["mkfs.vfat", str(image)], ["mount", "-o", "loop", str(image), str(mounted)]]
    try:
        for command in commands:
            subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("needs mkfs.vfat and the right to mount")
    yield mounted
    subprocess.run(["umount", str(mounted)], check=True)


def test_another_case_makes_no_difference_where_the_file_system_makes_none(case_insensitive_folder: Path) -> None:
    (case_insensitive_folder / "server").mkdir()
    (case_insensitive_folder / "server" / "x.db").write_text("")
    rules = LocationRules((str(case_insensitive_folder / "server"),))
    assert rules.error(case_insensitive_folder / "SERVER" / "X.DB")


def test_a_bind_mount_makes_no_difference(server: Path, folder: Path, rules: LocationRules) -> None:
    (folder / "bound").mkdir()
    if subprocess.run(["mount", "--bind", str(server), str(folder / "bound")], capture_output=True).returncode:
        pytest.skip("needs the right to mount")
    try:
        assert rules.error(folder / "bound" / "reportserver.sqlite3")
    finally:
        subprocess.run(["umount", str(folder / "bound")], check=True)


def test_without_an_operator_only_allowed_folders_are_read(tmp_path: Path, folder: Path, rules: LocationRules) -> None:
    (tmp_path / "other").mkdir()
    (folder / "link").symlink_to(tmp_path / "other")
    (folder / "file.csv").write_text("a\n1\n")
    for location in (tmp_path / "other", folder / "link", folder / ".." / "other", "/etc/passwd", "/"):
        sentence = "The data source's location is not in a folder that the server's operator allows."
        assert rules.error(location) == sentence
        assert LocationRules(rules.protected).error(location) is None
    for location in (folder, folder / "file.csv", folder / "new" / "later.db"):
        assert rules.error(location) is None
    assert LocationRules(rules.protected, ()).error(folder)


@pytest.mark.parametrize(("kind", "name"), [("sqlite", "x.db"), ("duckdb", "x.db"), ("files", "")])
def test_what_became_a_link_after_it_was_saved_is_not_opened(
    server: Path, folder: Path, rules: LocationRules, limits: Limits, kind: str, name: str
) -> None:
    location = folder / "moved"
    location.symlink_to(server / "reportserver.sqlite3" if name else server / "artifacts/ab")
    spec = SourceSpec(kind=kind, location=str(location), rules=rules)
    with pytest.raises(SourceUnusable, match="belongs to the server itself"), read(spec, "select 1", {}, limits):
        pass
    with pytest.raises(SourceUnusable, match="belongs to the server itself"):
        describe(spec, "select 1", {}, limits)


@pytest.mark.parametrize("link", [Path.symlink_to, Path.hardlink_to])
def test_a_file_in_an_allowed_folder_that_is_a_link_is_no_table(
    server: Path, folder: Path, rules: LocationRules, limits: Limits, link: Callable[[Path, Path], None]
) -> None:
    link(folder / "stolen.csv", server / "artifacts/ab/1.csv")
    spec = SourceSpec(kind="files", location=str(folder), rules=rules)
    with (
        pytest.raises(Exception, match=r"belongs to the server itself|several names|does not exist"),
        read(spec, "select * from stolen", {}, limits) as rows,
    ):
        list(rows.batches)
