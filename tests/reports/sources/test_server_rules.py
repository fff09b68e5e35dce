"""What a data source's URL may lead to if no definitions file has set it. No server is called."""

from __future__ import annotations

import socket

import pytest

from reports.exceptions import SourceUnusable
from reports.sources.server_rules import OwnDatabase, ServerRules

RULES = ServerRules((OwnDatabase("/var/run/postgresql", "5432", "reportserver"),))


@pytest.mark.parametrize(
    "url",
    [
        "postgresql:///reportserver",
        "postgresql://u:p@/crm",
        "postgresql://%2Fvar%2Frun%2Fpostgresql/crm",
        "postgresql://u:p@%2Fvar%2Frun%2Fpostgresql/crm",
        "postgresql://u:p@%2Fvar%2Frun%2Fpostgresql,x@db/crm",
        "postgresql://u:p@db,/crm",
        "postgresql://u:p@db,,other/crm",
        "postgresql://u:p@db:/crm",
        "postgresql://u:p@[db]/crm",
        "postgresql://@@/crm",
        "postgresql://u@localhost/crm",
        "postgresql://u:@localhost/crm",
        "postgresql://:p@localhost/crm",
        "postgresql://localhost/crm",
        "postgresql://u:p@localhost",
        "postgresql://u:p@localhost/",
        "postgresql://u:p@[::1/crm",
    ],
)
def test_a_url_needs_a_host_a_password_and_a_database(url: str) -> None:
    assert "Must be like postgresql://user:password@host:5432/database" in (RULES.error(url) or "")
    with pytest.raises(SourceUnusable, match="URL is not allowed"):
        RULES.check(url)


@pytest.mark.parametrize(
    "host",
    [
        "localhost", "127.0.0.1:5432", "127.1", "0", "0x7f000001", "2130706433:5432", "[::1]",
        "[::ffff:127.0.0.1]:5432", "db.invalid,localhost", "LOCALHOST", socket.gethostname(),
    ],
)  # fmt: skip
def test_the_servers_own_database_is_refused_under_any_name_of_its_host(host: str) -> None:
    assert RULES.error(f"postgresql://u:p@{host}/reportserver") == "This is the report server's own database."
    assert RULES.error(f"postgresql://u:p@{host}/re%70ortserver") == "This is the report server's own database."
    assert RULES.error(f"postgresql://u:p@{host}/crm") is None
    assert ServerRules().error(f"postgresql://u:p@{host}/reportserver") is None


def test_another_port_or_host_is_not_the_servers_own() -> None:
    assert RULES.error("postgresql://u:p@localhost:5433/reportserver") is None
    assert RULES.error("postgresql://u:p@db.invalid/reportserver") is None
    remote = ServerRules((OwnDatabase("192.0.2.1", "5432", "reportserver"),))
    assert remote.error("postgresql://u:p@192.0.2.1/reportserver")
    assert remote.error("postgresql://u:p@192.0.2.2,192.0.2.1:5432/reportserver")
    assert remote.error("postgresql://u:p@localhost/reportserver") is None
