"""The OpenID provider `oidc-provider`, run by Node.js."""

from __future__ import annotations

import base64
import json
import secrets
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

FOLDER = Path(__file__).parent
CLIENT_ID = "reports"


class CertifiedProvider:
    """The provider, whose accounts and keys a test can change. Whoever knows a name of `accounts` can sign in."""

    def __init__(self, folder: Path, port: int, clients: list[dict[str, Any]]) -> None:
        self.issuer = f"http://127.0.0.1:{port}"
        self.accounts: dict[str, dict[str, Any]] = {}
        self._path = folder / "provider.json"
        self._configuration = {"issuer": self.issuer, "port": port, "clients": clients}
        self._process: subprocess.Popen[bytes] | None = None

    def account(self, subject: str, **claims: Any) -> None:
        """Create or replace an account."""
        self.accounts[subject] = claims
        self._write()

    def start(self) -> None:
        """Start it, with a new key. Accounts stay, sessions don't."""
        self._configuration["keys"] = [signing_key()[1]]
        self._write()
        command = ["node", "provider.js", str(self._path)]
        self._process = subprocess.Popen(command, cwd=FOLDER, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert self._process.stdout
        for line in self._process.stdout:
            if b"listening" in line:
                return
        raise AssertionError("the provider did not start")

    def stop(self) -> None:
        if self._process:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def _write(self) -> None:
        # Replaced at once: the provider reads it at any time.
        new = self._path.with_suffix(".new")
        new.write_text(json.dumps({**self._configuration, "accounts": self.accounts}))
        new.replace(self._path)


@contextmanager
def certified_provider(folder: Path, port: int, clients: list[dict[str, Any]]) -> Iterator[CertifiedProvider]:
    if shutil.which("node") is None or not (FOLDER / "node_modules").exists():
        pytest.skip("Node.js or the provider is missing: run tests/install_programs")
    provider = CertifiedProvider(folder, port, clients)
    provider.start()
    try:
        yield provider
    finally:
        provider.stop()


def client(redirect_uris: list[str], post_logout_redirect_uri: str) -> dict[str, Any]:
    """A registration of this server. Its secret has what must be encoded in a header."""
    return {
        "client_id": CLIENT_ID,
        "client_secret": f"a+secret/with:{secrets.token_urlsafe(8)}%&",
        "redirect_uris": redirect_uris,
        "post_logout_redirect_uris": [post_logout_redirect_uri],
        "scope": "openid profile email groups region",
    }


def signing_key() -> tuple[rsa.RSAPrivateKey, dict[str, str]]:
    """A new RSA key, and all of it as JWK."""
    key = rsa.generate_private_key(65537, 2048)
    private, public = key.private_numbers(), key.public_key().public_numbers()
    parts = {
        "n": public.n, "e": public.e, "d": private.d, "p": private.p, "q": private.q,
        "dp": private.dmp1, "dq": private.dmq1, "qi": private.iqmp,
    }  # fmt: skip
    numbers = {name: base64_number(value) for name, value in parts.items()}
    return key, {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": uuid.uuid4().hex} | numbers


def base64_number(value: int) -> str:
    """A number as JWK has it (RFC 7518, section 2)."""
    return base64.urlsafe_b64encode(value.to_bytes((value.bit_length() + 7) // 8, "big")).decode().rstrip("=")
