"""GET /audit and verify_audit: administrators read the audit log, and tampering is detected."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing

import pytest

from tests.acceptance.helpers import (
    assert_error,
    cancel,
    failed_job,
    parse_time,
    succeeded_job,
    temporary_report,
    wait_until,
)
from tests.acceptance.test_jobs_list import pages
from tests.ports import free_port
from tests.server import RunningServer, environment


def entries(client, **params):
    return [entry for page in pages(client, "/audit", **params) for entry in page]


@pytest.mark.parametrize("name", ["bob", "carol", "dave", "erin", "hank"])
def test_only_an_administrator_reads_the_audit_log(idle, name):
    assert_error(idle.client(name).get("/audit"), 403, "permission_denied", "Only an Administrator can do this.")


def test_an_administrator_reads_the_entries_of_the_own_tenant_newest_first(idle, idle_bob):
    alice, gina = idle.client("alice"), idle.client("gina")
    job = idle_bob.generate("sales-by-region")
    found = entries(alice, pageSize=200)
    assert (found[0]["action"], found[0]["actor"], found[0]["target"]["id"]) == ("Job Generate", "bob", job)
    sequences = [entry["sequence"] for entry in found]
    assert sequences == sorted(sequences, reverse=True)
    assert job not in {entry["target"]["id"] for entry in entries(gina, pageSize=200)}
    assert not {entry["actor"] for entry in entries(gina)} & {"alice", "bob", "carol", "dave", "erin"}


def test_paging_neither_skips_nor_repeats_entries(idle, idle_bob):
    alice = idle.client("alice")
    for _ in range(5):
        idle_bob.generate("sales-by-region")
    whole = entries(alice, pageSize=200)
    assert entries(alice, pageSize=2) == whole
    assert len(whole) >= 5


def test_entries_can_be_filtered(idle, idle_bob):
    alice = idle.client("alice")
    job = idle_bob.generate("sales-by-region")
    cancel(idle_bob, job)
    assert [entry["action"] for entry in entries(alice, target=job)] == ["Job Cancel", "Job Generate"]
    assert [entry["target"]["id"] for entry in entries(alice, target=job, action="Job Cancel")] == [job]
    assert entries(alice, target=job, actor="alice") == []
    assert {entry["actor"] for entry in entries(alice, actor="bob")} == {"bob"}
    last, first = entries(alice, target=job)
    assert [entry["action"] for entry in entries(alice, target=job, since=last["timestamp"])] == ["Job Cancel"]
    assert [entry["action"] for entry in entries(alice, target=job, until=last["timestamp"])] == ["Job Generate"]
    assert parse_time(first["timestamp"]) < parse_time(last["timestamp"])


@pytest.mark.parametrize(("name", "value"), [("action", "Nonsense"), ("since", "yesterday"), ("until", "x")])
def test_an_invalid_filter_value_is_refused_by_name(idle, name, value):
    answer = idle.client("alice").get("/audit", params={name: value})
    assert answer.status_code == 400
    assert list(answer.json()["fields"]) == [name]


def test_jobs_and_changes_of_reports_are_audited(alice, bob):
    with temporary_report(alice) as slug:
        report = alice.get(f"/reports/{slug}").json()["id"]
        job = succeeded_job(bob, slug)
        bob.get(f"/jobs/{job}/result")
        alice.request("PATCH", f"/reports/{slug}", json={"query": "select nothing from nowhere"})
        failed = failed_job(bob, slug)
    assert [(entry["action"], entry["actor"]) for entry in entries(alice, target=job)] == [
        ("Result Download", "bob"), ("Job Succeeded", "system"), ("Job Generate", "bob"),
    ]  # fmt: skip
    assert [entry["action"] for entry in entries(alice, target=failed)] == ["Job Failed", "Job Generate"]
    assert [(entry["action"], entry["actor"]) for entry in entries(alice, target=report)] == [
        ("Report Delete", "alice"), ("Report Update", "alice"), ("Report Create", "alice"),
    ]  # fmt: skip


def test_the_log_of_a_running_server_is_verified(server, bob):
    succeeded_job(bob)
    assert "Verified up to #" in server.manage("verify_audit").stdout


def test_the_database_refuses_to_change_or_delete_entries(idle):
    for statement in ("update audit_auditlog set actor = 'x'", "delete from audit_auditlog"):
        with closing(sqlite3.connect(idle.database())) as connection, pytest.raises(sqlite3.DatabaseError):
            connection.execute(statement)


TAMPERED = {
    "an entry was changed": ("update audit_auditlog set actor = 'mallory' where sequence = 3", 3),
    "an entry's time was changed": ("update audit_auditlog set timestamp = '2001-01-01' where sequence = 2", 2),
    "an entry was deleted": ("delete from audit_auditlog where sequence = 4", 4),
    "the end was cut off": ("delete from audit_auditlog where sequence > 5", 6),
    "an entry was added": (
        "insert into audit_auditlog (sequence, tenant_id, timestamp, actor, action, target_type, target_id, details, "
        "previous_hash, hash) "
        "select sequence + 1, tenant_id, timestamp, actor, action, target_type, target_id, details, "
        "hash, 'forged' from audit_auditlog order by sequence desc limit 1",
        None,
    ),
}


@pytest.mark.parametrize("tampering", TAMPERED)
def test_verify_audit_names_the_first_broken_entry(idle, idle_bob, tmp_path, tampering):
    for _ in range(6):
        idle_bob.generate("sales-by-region")
    copy, last = copy_server(idle, tmp_path)
    statement, broken = TAMPERED[tampering]
    with closing(sqlite3.connect(copy.database(), isolation_level=None)) as connection:
        triggers = connection.execute(
            "select name from sqlite_master where type = 'trigger' and tbl_name like 'audit%'"
        )
        for (name,) in triggers.fetchall():
            connection.execute(f"drop trigger {name}")
        connection.execute(statement)
    verdict = copy.manage("verify_audit", check=False)
    assert verdict.returncode == 1
    assert f"#{broken or last + 1}:" in verdict.stderr


def copy_server(server, folder):
    """Copy the server's database and keys. Return the copy and the number of the last entry."""
    shutil.copytree(server.folder / "keys", folder / "keys")
    copy = RunningServer("", folder, environment(folder, free_port()), process=None)
    with (
        closing(sqlite3.connect(server.database())) as source,
        closing(sqlite3.connect(copy.database())) as target,
    ):
        source.backup(target)
        (last,) = target.execute("select max(sequence) from audit_auditlog").fetchone()
    return copy, last


def test_failed_sign_ins_become_one_entry_with_their_count(server, alice):
    name = next(entry["target"]["id"] for entry in entries(alice, action="Sign In", actor="alice"))
    for _ in range(3):
        assert server.client().post("/auth/token", json={"username": "alice", "password": "wrong"}).status_code == 401
    (entry,) = wait_until(lambda: entries(alice, action="Sign In Failed", target=name), seconds=90)
    assert (entry["actor"], entry["actorId"], entry["details"]["count"]) == ("unknown", None, 3)
    assert (entry["details"]["address"], entry["details"]["channel"]) == ("127.0.0.1", "API")
