"""A server with identity providers, a certified one and one that does wrong."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import passwords
from tests.openid_provider import certified
from tests.openid_provider.certified import CertifiedProvider, certified_provider
from tests.openid_provider.hostile import HostileProvider, hostile_provider
from tests.pages.conftest import chromium
from tests.ports import free_port
from tests.server import Client, RunningServer, coverage_variables, prepare_server, start, stop

__all__ = ["chromium"]

SECRET = "the secret of the hostile provider"
TENANT = {
    "slug": "acme",
    "name": "Acme Inc.",
    "attributes": {
        "region": {"type": "string", "multiple": True},
        "level": {"type": "integer"},
    },
}


@dataclass
class Site:
    """The server and its providers."""

    server: RunningServer
    certified: CertifiedProvider
    hostile: HostileProvider

    def query(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Run a statement in the server's database."""
        with closing(sqlite3.connect(self.server.database(), timeout=30)) as database, database:
            return database.execute(statement, values).fetchall()

    def corporate(self, **fields: Any) -> dict[str, Any]:
        """The definition of the certified provider."""
        return {
            "slug": "corporate", "tenant": "acme", "name": "Corporate", "issuer": self.certified.issuer,
            "client_id": certified.CLIENT_ID, "client_secret_env": "CORPORATE_SECRET", "groups_claim": "groups",
            "roles": {"staff": "readers", "bosses": "Administrator"}, "attributes": {"region": "region"},
            **fields,
        }  # fmt: skip

    def wrong(self, **fields: Any) -> dict[str, Any]:
        """The definition of the hostile provider."""
        return {
            "slug": "wrong", "tenant": "acme", "name": "Wrong", "issuer": self.hostile.issuer,
            "client_id": certified.CLIENT_ID, "client_secret_env": "WRONG_SECRET", "provision": True, **fields,
        }  # fmt: skip

    def user(self, name: str, subject: str, **fields: Any) -> dict[str, Any]:
        """The definition of a user without a password, who signs in through the certified provider."""
        identities = [{"provider": "corporate", "sub": subject}]
        return {"username": name, "tenant": "acme", "identities": identities, **fields}


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory, prepared: Path) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("openid")
    server = prepare_server(
        folder / "server",
        prepared=prepared,
        REPORTSERVER_WEBHOOK_ALLOW="127.0.0.0/8",
        REPORTSERVER_RATE_SIGN_IN_ADDRESS="10000",
        **passwords(),
        **coverage_variables(),
    )
    pages = [f"{server.url}/login/acme/{slug}/callback" for slug in ("corporate", "open")]
    client = certified.client(pages, f"{server.url}/login")
    secrets = {"CORPORATE_SECRET": client["client_secret"], "WRONG_SECRET": SECRET}
    with certified_provider(folder, free_port(), [client]) as real, hostile_provider() as hostile:
        site = Site(server, real, hostile)
        path = folder / "providers.yaml"
        definitions = {
            "tenants": [TENANT],
            "identity_providers": [
                site.corporate(),
                site.corporate(slug="open", name="Open house", provision=True),
                site.wrong(),
            ],
            "users": [
                site.user("quentin", "s-quentin", roles=["analysts", "readers"], attributes={"level": 3}),
                site.user("rosa", "s-rosa"),
                site.user("sven", "s-sven"),
            ],
        }
        path.write_text(yaml.safe_dump(definitions))
        server.manage("apply", str(path), **secrets)
        start(server, workers=False)
        try:
            yield site
        finally:
            stop(server)


@pytest.fixture(scope="session")
def administrator(site: Site) -> Client:
    """Alice, Administrator of Acme."""
    return site.server.client("alice")
