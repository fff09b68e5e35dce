"""What the account of a data source may do beyond reading, on real servers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import psycopg
import pymysql
import pytest

from reports.dry_run.source_check import check_source
from reports.sources import excess_rights
from reports.sources.base import Limits, SourceSpec
from reports.sources.rights import Excess


@pytest.fixture(scope="module")
def postgres(postgres_url: str) -> Iterator[Callable[..., SourceSpec]]:
    """Create a role by these statements, in a database of its own with one table; return its source."""
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        admin.execute("create database rights")
    with psycopg.connect(f"{postgres_url.rpartition('/')[0]}/rights", autocommit=True) as admin:
        admin.execute("create table t (a int, b int)")
        admin.execute("create role writers; grant update on t to writers")

        def source(name: str, *statements: str) -> SourceSpec:
            admin.execute(f"create role {name} login")
            admin.execute(f"grant select on t to {name}")
            for statement in statements:
                admin.execute(statement.format(name))
            location = f"{postgres_url.replace('postgres@', f'{name}@').rpartition('/')[0]}/rights"
            return SourceSpec(kind="postgresql", location=location)

        yield source


@pytest.mark.parametrize(
    ("name", "statement", "excess"),
    [
        ("boss", "alter role {} superuser", Excess.SUPERUSER),
        ("files_role", "grant pg_read_server_files to {}", Excess.FILES),
        ("program_role", "grant pg_execute_server_program to {}", Excess.FILES),
        ("files_call", "grant execute on function pg_read_file(text) to {}", Excess.FILES),
        ("importer", "grant execute on function lo_import(text) to {}", Excess.FILES),
        ("inserter", "grant insert on t to {}", Excess.WRITE),
        ("column_writer", "grant update (b) on t to {}", Excess.WRITE),
        ("member", "grant writers to {}; alter role {0} noinherit", Excess.WRITE),
        ("all_writer", "grant pg_write_all_data to {}", Excess.WRITE),
        ("creator", "grant create on database rights to {}", Excess.WRITE),
        ("role_maker", "alter role {} createrole", Excess.ACCOUNTS),
        ("replicator", "alter role {} replication", Excess.REPLICATION),
    ],
)
def test_postgresql_tells_each_kind_of_right(postgres, limits: Limits, name: str, statement: str, excess: Excess):
    statement = statement.replace("{}", "{0}")
    assert excess in excess_rights(postgres(name, *statement.split("; ")), limits)


def test_a_postgresql_role_that_may_only_read_has_no_excess(postgres, limits: Limits) -> None:
    assert excess_rights(postgres("reader_only"), limits) == []


def test_a_postgresql_role_that_may_call_dblink_has_one(postgres, limits: Limits) -> None:
    # A stand-in with the extension's name: the tests' servers come without it.
    statement = "create function dblink(text) returns text language sql as 'select $1'"
    assert excess_rights(postgres("caller", statement), limits) == [Excess.CONNECT]


@pytest.fixture(scope="module")
def mysql(mariadb_url: str) -> Iterator[Callable[..., SourceSpec]]:
    """Create an account by these statements; return its source."""
    parts = urlsplit(mariadb_url)
    with pymysql.connect(host=parts.hostname, port=parts.port, user="root", database="reports") as connection:
        admin = connection.cursor()
        admin.execute("create table rights_table (a int, b int)")

        def source(name: str, *statements: str) -> SourceSpec:
            admin.execute(f"create user {name}@'%'")
            admin.execute(f"grant select on reports.* to {name}@'%'")
            for statement in statements:
                admin.execute(statement.format(f"{name}@'%'"))
            return SourceSpec(kind="sql", location=mariadb_url.replace("root@", f"{name}@"))

        yield source
        admin.execute("drop table rights_table")


@pytest.mark.parametrize(
    ("name", "statement", "excess"),
    [
        ("boss", "grant all on *.* to {}", Excess.SUPERUSER),
        ("super_user", "grant super on *.* to {}", Excess.SUPERUSER),
        ("file_user", "grant file on *.* to {}", Excess.FILES),
        ("database_owner", "grant all on reports.* to {}", Excess.WRITE),
        ("inserter", "grant insert, delete on reports.rights_table to {}", Excess.WRITE),
        ("column_writer", "grant select (a), update (b) on reports.rights_table to {}", Excess.WRITE),
        ("user_maker", "grant create user on *.* to {}", Excess.ACCOUNTS),
        ("member", "create role w; grant insert on reports.* to w; grant w to {}; set default role w for {}", "writes"),
    ],
)
def test_mariadb_tells_each_kind_of_right(mysql, limits: Limits, name: str, statement: str, excess: str) -> None:
    assert excess_rights(mysql(name, *statement.split("; ")), limits) == [excess]


def test_a_mariadb_account_that_may_only_read_has_no_excess(mysql, limits: Limits) -> None:
    assert excess_rights(mysql("reader_only"), limits) == []


def test_the_check_of_a_source_warns_of_a_superuser(postgres_url: str) -> None:
    check = check_source(SourceSpec(kind="postgresql", location=postgres_url), actor="tester")
    assert check.error == ""
    assert check.warnings == [Excess.SUPERUSER.sentence]
