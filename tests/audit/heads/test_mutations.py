"""Every combination of what somebody can do to rows, head, check and the file outside the database is found."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection

from audit import verification
from audit.chain import GENESIS
from audit.models import AuditLog
from tests.audit.heads.states import Row, State, columns, put

States = dict[str, State]


def _edited(rows: tuple[Row, ...], number: int, **values: object) -> tuple[Row, ...]:
    """The rows with one of them changed."""
    row = dict(zip(columns(), rows[number], strict=True)) | values
    return (*rows[:number], tuple(row.values()), *rows[number + 1 :])


def _reordered(rows: tuple[Row, ...]) -> tuple[Row, ...]:
    """The rows with the contents of two of them exchanged, but not their numbers."""
    (first, *one), (second, *other) = rows[1], rows[2]
    return (rows[0], (first, *other), (second, *one), *rows[3:])


def _mutations(states: States) -> dict[str, dict[str, object]]:
    """By part of the log: what somebody can put there, by a name for it."""
    new, old, empty = states["new"], states["old"], states["empty"]
    assert new.file
    lines = new.file.splitlines(keepends=True)
    sequence, hash = new.rows[3][0], dict(zip(columns(), new.rows[3], strict=True))["hash"]
    return {
        "rows": {
            "kept": new.rows,
            "all deleted": (),
            "the end deleted": new.rows[:4],
            "the beginning deleted": new.rows[2:],
            "one deleted": new.rows[:3] + new.rows[4:],
            "put back": old.rows,
            "one edited": _edited(new.rows, 3, actor="mallory"),
            "the last one edited": _edited(new.rows, 7, actor="mallory"),
            "reordered": _reordered(new.rows),
            "one forged": (*new.rows, (9, *new.rows[7][1:-1], "f" * 64)),
        },
        "head": {
            "kept": new.head,
            "deleted": (),
            "put back": old.head,
            "set to the fourth entry": tuple(_head(row, sequence, hash) for row in new.head),
            "set to the start": tuple(_head(row, 0, GENESIS) for row in new.head),
        },
        "check": {"kept": new.check, "deleted": (), "put back": old.check},
        "file": {
            "kept": new.file,
            "removed": None,
            "emptied": "",
            "put back": old.file,
            "as at the beginning": empty.file,
            "last line removed": "".join(lines[:-1]),
            "a line removed": "".join(lines[:1] + lines[2:]),
            "reordered": "".join([lines[0], lines[2], lines[1], *lines[3:]]),
            "edited": new.file.replace(lines[-1][:10], "1" + lines[-1][1:10]),
            "an old line appended": new.file + lines[2],
            "garbage appended": new.file + "garbage\n",
            "not text": new.file + "\xff\n",
        },
    }


def _head(row: Row, sequence: object, hash: object) -> Row:
    return (row[0], sequence, hash, *row[3:])


def _states(states: States) -> list[tuple[dict[str, str], State]]:
    mutations = _mutations(states)
    found = []
    for names in product(*mutations.values()):
        named = dict(zip(mutations, names, strict=True))
        parts = {part: mutations[part][name] for part, name in named.items()}
        found.append((named, State(**parts)))
    return found


def _is_whole(named: dict[str, str]) -> bool:
    """Nothing is missing and nothing was changed: only the file is behind, or the check."""
    behind = ("kept", "put back", "as at the beginning", "last line removed")
    return (named["rows"], named["head"]) == ("kept", "kept") and named["file"] in behind


def _is_put_back_everywhere(named: dict[str, str]) -> bool:
    """Rows, head and file are all as they were once, so nothing on this host remembers more."""
    then = {"put back": ("put back", "put back"), "as at the beginning": ("all deleted", "deleted")}
    is_old = any(
        named["file"] == file and (named["rows"], named["head"]) == database for file, database in then.items()
    )
    is_older = named["file"] == "as at the beginning" and (named["rows"], named["head"]) == ("put back", "put back")
    return is_old or is_older


def test_every_combination_of_mutations_is_found(states: States) -> None:
    combinations = _states(states)
    assert len(combinations) == 10 * 5 * 3 * 12
    missed = []
    for named, state in combinations:
        put(state)
        found = verification.verify_log() is not None
        if found == (_is_whole(named) or _is_put_back_everywhere(named)):
            missed.append(named)
    assert not missed


def test_with_a_shared_folder_not_even_a_host_that_is_put_back_as_a_whole_goes_unnoticed(
    shared_folder: Path, states: States
) -> None:
    missed = []
    for named, state in _states(states):
        if named["check"] == "kept":
            put(state)
            if (verification.verify_log() is not None) == _is_whole(named):
                missed.append(named)
    assert not missed


@pytest.mark.parametrize("check", ["kept", "deleted", "put back"])
@pytest.mark.parametrize("then", ["empty", "old"])
def test_the_next_step_of_the_continuous_verification_finds_a_log_that_was_put_back(
    states: States, then: str, check: str
) -> None:
    kept = {"kept": states["new"].check, "deleted": (), "put back": states["old"].check}[check]
    put(replace(states[then], check=kept, file=states["new"].file))
    assert verification.verify_for(seconds=0)
    stored = verification.last_check()
    assert stored and stored.broken_sequence == len(states[then].rows) + 1
    assert stored.reason == "entries that were there before are missing"


def test_the_command_names_what_is_missing_and_fails(states: States, capsys: pytest.CaptureFixture[str]) -> None:
    put(replace(states["old"], file=states["new"].file))
    with pytest.raises(SystemExit) as exit:
        call_command("verify_audit")
    assert exit.value.code == 1
    assert "Broken at entry #6: entries that were there before are missing." in capsys.readouterr().err


def test_a_truncated_table_is_found(states: States) -> None:
    with connection.cursor() as cursor:
        statement = "truncate audit_auditlog, audit_audithead, audit_auditcheck"
        deletes = [f"delete from {table}" for table in ("audit_auditlog", "audit_audithead", "audit_auditcheck")]
        for sql in [statement] if connection.vendor == "postgresql" else deletes:
            cursor.execute(sql)
    assert not AuditLog.objects.exists()
    failure = verification.verify_log()
    assert failure and failure.sequence == 1
