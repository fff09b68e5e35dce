"""What lost attempts left in an object store is deleted, and results are moved between stores."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from jobs.exceptions import StorageUnavailable, WrongStore
from jobs.results import store, stray_objects
from jobs.results.storage import result_name
from jobs.results.stores.abandoned_uploads import abort_old_uploads
from jobs.results.stores.client import client
from jobs.results.stores.objects import PART_BYTES, ObjectStore
from tests.acceptance.helpers import query, succeeded_job
from tests.object_store.conftest import URL
from tests.object_store.proxy import Fault, StoreProxy
from tests.server import RunningServer, prepare_server, start, stop
from tests.weed import Weed, credentials


def paths(objects: ObjectStore) -> set[str]:
    return {meta["path"] for found in objects.find() for meta in found}


def test_objects_of_unknown_jobs_are_deleted_once_they_are_old(
    own_prefix: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    stray, other = result_name(uuid4(), "1-abc", "csv"), "somebody/s.csv"
    for name in (stray, other):
        own_prefix.write_parts(name, b"x")
    assert sum(stray_objects.delete_stray_objects()) == 0
    assert {stray, other} < paths(own_prefix)
    monkeypatch.setattr(stray_objects, "STRAY_AFTER", timedelta(seconds=-5))
    assert sum(stray_objects.delete_stray_objects()) == 1
    assert stray not in paths(own_prefix) and other in paths(own_prefix)


def test_in_the_store_of_another_installation_nothing_is_stray(
    own_prefix: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    stray = result_name(uuid4(), "1-abc", "csv")
    own_prefix.write_parts(stray, b"x")
    own_prefix.write_marker("another")
    monkeypatch.setattr(stray_objects, "STRAY_AFTER", timedelta(seconds=-5))
    with pytest.raises(WrongStore):
        list(stray_objects.delete_stray_objects())
    assert stray in paths(own_prefix)


def test_uploads_without_an_end_are_aborted_once_they_are_old(
    weed: Weed, proxy: StoreProxy, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As after a child that was killed: neither the end nor the abort of its upload reaches the store."""
    draft = tmp_path / "draft"
    draft.write_bytes(b"x" * (PART_BYTES + 1))
    ending = Fault(403, "AccessDenied", concerns=lambda method, path: "uploadId" in path and method != "PUT")
    url = f"s3://lake/{uuid4().hex}"
    for name, value in credentials(proxy.url).items():
        monkeypatch.setenv(name, value)
    client.cache_clear()
    try:
        with proxy.failing(ending), pytest.raises(StorageUnavailable):
            ObjectStore(url).publish(draft, "large.csv")
        assert draft.exists()
        now = datetime.now(UTC)
        assert abort_old_uploads(f"{url}-other", now + timedelta(minutes=1)) == 0
        assert abort_old_uploads(url, now - timedelta(hours=1)) == 0
        assert abort_old_uploads(url, now + timedelta(minutes=1)) == 1
        assert abort_old_uploads(url, now + timedelta(minutes=1)) == 0
        with proxy.failing(Fault(0)), pytest.raises(StorageUnavailable):
            abort_old_uploads(url, now)
    finally:
        client.cache_clear()


def test_a_store_that_is_full_is_said_to_be(proxy: StoreProxy, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    draft = tmp_path / "draft"
    draft.write_bytes(b"x")
    for name, value in credentials(proxy.url).items():
        monkeypatch.setenv(name, value)
    client.cache_clear()
    try:
        with proxy.failing(Fault(507, "XMinioStorageFull")), pytest.raises(OSError, match="No space left"):
            ObjectStore(URL).publish(draft, "small.csv")
    finally:
        client.cache_clear()


def test_results_are_moved_from_a_folder_to_a_bucket_and_back(
    tmp_path: Path, prepared: Path, weed: Weed, objects: ObjectStore
) -> None:
    variables = credentials(weed.s3_endpoint)
    here = prepare_server(tmp_path / "server", prepared=prepared, **variables)
    bucket, folder = f"s3://lake/{uuid4().hex}", tmp_path / "back"
    start(here)
    try:
        jobs = [succeeded_job(here.client("bob")) for _ in range(2)]
        contents = [here.client("bob").get(f"/jobs/{job}/result").content for job in jobs]
        while_it_runs = here.manage("move_artifacts", "--to", bucket).stdout
        assert while_it_runs.startswith("4 copied, 0 there already, 0 missing or changed.")
        assert "Stop the jobserver" in while_it_runs
        jobs.append(succeeded_job(here.client("bob")))
        contents.append(here.client("bob").get(f"/jobs/{jobs[-1]}/result").content)
    finally:
        stop(here)
    moved = here.manage("move_artifacts", "--to", bucket).stdout
    assert moved.startswith("2 copied, 4 there already, 0 missing or changed.")
    assert f"Set REPORTSERVER_ARTIFACTS_URL={bucket}" in moved
    there = RunningServer(here.url, here.folder, {**here.env, "REPORTSERVER_ARTIFACTS_URL": bucket}, None)  # type: ignore[arg-type]
    stamps = query(there, "select stamp from jobs_artifact")
    assert all('"' in row["stamp"] for row in stamps), "as the bucket has them, so nothing is hashed before it is sent"
    start(there, workers=False)
    try:
        assert [there.client("bob").get(f"/jobs/{job}/result").content for job in jobs] == contents
    finally:
        stop(there)
    name = next(meta["path"] for found in ObjectStore(bucket).find() for meta in found if "csv" in meta["path"])
    ObjectStore(bucket).write_parts(name, b"changed")
    back = there.manage("move_artifacts", "--to", str(folder))
    assert back.stdout.startswith("5 copied, 0 there already, 1 missing or changed.")
    assert "is missing or changed." in back.stderr
    again = there.manage("move_artifacts", "--to", str(folder), check=False)
    assert again.stdout.startswith("0 copied, 5 there already, 1 missing or changed.")
    damaged = next(file for file in folder.rglob("*.csv"))
    content = damaged.read_bytes()
    damaged.write_bytes(content[::-1])
    healed = there.manage("move_artifacts", "--to", str(folder))
    assert healed.stdout.startswith("1 copied, 4 there already, 1 missing or changed.")
    assert damaged.read_bytes() == content


@pytest.mark.parametrize("to", ["s3://", "ftp://x/y", URL])
def test_where_results_can_t_be_moved_is_said(server: RunningServer, to: str) -> None:
    ended = server.manage("move_artifacts", "--to", to, check=False)
    assert ended.returncode == 1
    assert "--to" in ended.stderr.splitlines()[-1] and "Traceback" not in ended.stderr


def test_the_marker_is_read_as_it_was_written(own_prefix: ObjectStore) -> None:
    assert own_prefix.read_marker() == store.expected_marker() == "m" * 32
