"""An identity provider that does what a test tells it, over real HTTP: it answers wrongly, slowly or for others."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt

from tests.openid_provider.certified import CLIENT_ID, signing_key

Change = Callable[[dict[str, Any]], dict[str, Any]]


class HostileProvider:
    """The state that its handler serves. Everything is right until a test changes it; `reset` takes that back."""

    def __init__(self, issuer: str) -> None:
        self.issuer = issuer
        self.key, self.jwk = signing_key()
        self.calls: list[str] = []
        self.nonces: dict[str, str] = {}
        self.reset()

    def reset(self) -> None:
        #: The claims of the next ID tokens, besides what is always there.
        self.claims: dict[str, Any] = {}
        #: What /userinfo says, what the configuration says, and what is in place of a whole answer, by path.
        self.userinfo: dict[str, Any] = {}
        self.configuration: dict[str, Any] = {}
        self.answers: dict[str, tuple[int, bytes]] = {}
        #: Signs the ID token: by default as it should be.
        self.sign: Callable[[dict[str, Any]], str] = self.signed

    def signed(self, claims: dict[str, Any], **header: Any) -> str:
        return jwt.encode(claims, self.key, "RS256", headers={"kid": self.jwk["kid"], **header})

    def answer(self, path: str, form: dict[str, list[str]]) -> tuple[int, bytes]:
        self.calls.append(path)
        if path in self.answers:
            return self.answers[path]
        return 200, json.dumps(self._content(path, form)).encode()

    def _content(self, path: str, form: dict[str, list[str]]) -> Any:
        if path.startswith("/.well-known/"):
            names = {"authorization": "authorize", "token": "token", "userinfo": "userinfo", "end_session": "end"}
            addresses = {f"{name}_endpoint": f"{self.issuer}/{path}" for name, path in names.items()}
            return {
                "issuer": self.issuer, "jwks_uri": f"{self.issuer}/jwks", **addresses,
                "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
                **self.configuration,
            }  # fmt: skip
        if path == "/jwks":
            return {"keys": [{"kty": "unheard-of"}, {name: self.jwk[name] for name in ("kty", "kid", "n", "e")}]}
        if path == "/userinfo":
            return {"sub": "mallory", **self.userinfo}
        now = int(time.time())
        nonce = self.nonces.get(form.get("code", [""])[0], "")
        claims = {"iss": self.issuer, "sub": "mallory", "aud": CLIENT_ID, "iat": now, "exp": now + 60, "nonce": nonce}
        claims = {name: value for name, value in (claims | self.claims).items() if value is not None}
        return {"access_token": "opaque", "token_type": "Bearer", "id_token": self.sign(claims)}


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self._answer({})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        self._answer(parse_qs(body))

    def log_message(self, *args: object) -> None:
        pass

    def _answer(self, form: dict[str, list[str]]) -> None:
        status, body = self.server.provider.answer(urlsplit(self.path).path, form)  # type: ignore[attr-defined]
        self.send_response(status)
        if status == 302:
            self.send_header("Location", body.decode())
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def hostile_provider() -> Iterator[HostileProvider]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.provider = HostileProvider(f"http://127.0.0.1:{server.server_address[1]}")  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.provider  # type: ignore[attr-defined]
    finally:
        server.shutdown()
        server.server_close()
