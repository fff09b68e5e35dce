"""What contradicts the log stays a finding, and what can't be read is one, until an operator accepts the log."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from django.core.management import call_command
from pytest_django import Settings

from accounts.models import User
from audit import verification
from audit.chain import VerificationFailure
from audit.heads.keeping import own_files
from audit.models import AuditCheck
from tests.audit.heads.states import State, put
from tests.audit.helpers import record


def failure() -> tuple[int, str]:
    """What the command and the continuous verification find, which must be the same."""
    found = verification.verify_log()
    assert isinstance(found, VerificationFailure)
    verification.verify_for(seconds=5)
    check = AuditCheck.objects.get()
    assert (check.broken_sequence, check.reason) == (found.sequence, found.reason)
    return found.sequence, found.reason


@pytest.mark.parametrize("entries", [1, 2, 3, 4, 20])
def test_a_log_that_was_shortened_is_found_whatever_is_written_to_it_later(
    states: dict[str, State], people: dict[str, User], entries: int
) -> None:
    put(replace(states["old"], file=states["new"].file))
    for _ in range(entries):
        record(people["bob"])
    assert failure() == (6, "another entry was there before")


def test_a_file_that_is_compacted_remembers_the_other_log(
    states: dict[str, State], people: dict[str, User], settings: Settings
) -> None:
    settings.AUDIT_HEADS_LARGE_BYTES = 1000
    put(replace(states["old"], file=states["new"].file))
    for _ in range(50):
        record(people["bob"])
        assert failure() == (6, "another entry was there before")
    assert own_files()[0].path.stat().st_size < 2000
    call_command("anchor_audit", reason="Restored the backup of Monday")
    assert verification.verify_log() is None
    record(people["bob"])
    assert verification.verify_log() is None


def test_the_operator_learns_from_where_to_where_the_other_log_is_lost(
    states: dict[str, State], people: dict[str, User], capsys: pytest.CaptureFixture[str]
) -> None:
    put(replace(states["old"], file=states["new"].file))
    for _ in range(5):
        record(people["bob"])
    call_command("anchor_audit", reason="Restored the backup of Monday")
    printed = capsys.readouterr().out
    assert "has entry #8 with hash" in printed
    assert "The first such entry is #6." in printed


def test_a_log_that_is_accepted_twice_at_the_same_entry_keeps_both_old_files(
    states: dict[str, State], people: dict[str, User]
) -> None:
    for _ in range(2):
        put(replace(states["old"], file=states["new"].file))
        call_command("anchor_audit", reason="Restored the backup of Monday")
    kept = list(own_files()[0].path.parent.glob("audit_heads.before-6*"))
    assert [path.read_text() for path in kept] == [states["new"].file] * 2


def _is_a_folder(path: Path) -> None:
    path.mkdir()


def _is_a_loop(path: Path) -> None:
    path.symlink_to(path.name)


def _is_damaged_on_the_disk(path: Path) -> None:
    # The kernel answers EIO.
    path.symlink_to("/proc/self/mem")


def _is_a_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


UNREADABLE = {
    "Is a directory": _is_a_folder,
    "Too many levels of symbolic links": _is_a_loop,
    "Input/output error": _is_damaged_on_the_disk,
    "It is not a file": _is_a_device,
}


@pytest.mark.parametrize("suffix", ["", ".id"])
@pytest.mark.parametrize(
    ("reason", "replace_file"), UNREADABLE.items(), ids=[name.__name__ for name in UNREADABLE.values()]
)
def test_a_file_that_cannot_be_read_is_a_finding_and_stops_nothing(
    committing: None,
    people: dict[str, User],
    tmp_path: Path,
    suffix: str,
    reason: str,
    replace_file: Callable[[Path], None],
) -> None:
    path = tmp_path / "keys" / f"audit_heads{suffix}"
    path.unlink()
    replace_file(path)
    record(people["bob"])
    verification.begin_heads()
    assert failure() == (
        1,
        f"the file that keeps the end of the audit log outside the database can't be read: {reason}",
    )


def test_a_shared_folder_that_is_not_mounted_is_a_finding(
    shared_folder: Path, people: dict[str, User], tmp_path: Path
) -> None:
    record(people["bob"])
    shared_folder.rename(tmp_path / "elsewhere")
    assert failure()[1].endswith("is missing")
    shared_folder.mkdir()
    verification.begin_heads()
    record(people["bob"])
    assert failure()[1].endswith("is missing"), "a new file there would hide it"
    shared_folder.rmdir()
    (tmp_path / "elsewhere").rename(shared_folder)
    assert verification.verify_log() is None


def test_a_shared_folder_whose_files_cannot_be_listed_is_a_finding(
    shared_folder: Path, people: dict[str, User], settings: Settings, tmp_path: Path
) -> None:
    record(people["bob"])
    (tmp_path / "file").touch()
    settings.AUDIT_HEADS_FOLDER = tmp_path / "file"
    reasons = [str(content.problem.message) for content in verification.read_all() if content.problem]
    assert any("REPORTSERVER_AUDIT_HEADS_FOLDER: Not a directory" in reason for reason in reasons)
    assert failure()[1].endswith("can't be read: Not a directory")


def test_copies_are_begun_in_a_folder_that_is_set_later(
    shared_folder: Path, people: dict[str, User], settings: Settings, tmp_path: Path
) -> None:
    settings.AUDIT_HEADS_FOLDER = tmp_path / "another"
    verification.begin_heads()
    record(people["bob"])
    assert len(list((tmp_path / "another").glob("*.heads"))) == 1
    assert verification.verify_log() is None
