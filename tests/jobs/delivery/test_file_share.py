"""Delivery to the file share."""

from __future__ import annotations

from pathlib import Path

from tests.jobs.delivery.helpers import CONTENT, AddTarget, Succeed, send_next


def test_a_file_is_written_into_the_folder_of_the_tenant(add_target: AddTarget, succeed: Succeed, share: Path) -> None:
    add_target("file_share", path="daily/sales")
    job = succeed()
    assert send_next().state == "sent"
    (file,) = [path for path in share.rglob("*") if path.is_file()]
    assert file.parent == share / "acme" / "daily" / "sales"
    assert file.name.startswith("one-") and file.name.endswith(f"{job.pk}.csv") and file.read_bytes() == CONTENT


def test_each_file_of_a_result_is_written(add_target: AddTarget, succeed: Succeed, share: Path) -> None:
    add_target("file_share", path="daily")
    succeed("json")
    assert send_next().state == "sent"
    files = [path for path in share.rglob("*") if path.is_file()]
    assert sorted(path.suffix for path in files) == [".csv", ".json"]
    assert {path.read_bytes() for path in files} == {CONTENT}


def test_a_path_never_leads_out_of_the_folder_of_the_tenant(
    add_target: AddTarget, succeed: Succeed, share: Path, tmp_path: Path
) -> None:
    (share / "acme").mkdir()
    (share / "acme" / "out").symlink_to(tmp_path)
    add_target("file_share", path="out")
    add_target("file_share", path="../globex")
    succeed()
    assert [send_next().state, send_next().state] == ["failed", "failed"]
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
