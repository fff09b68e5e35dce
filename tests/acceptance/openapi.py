"""Checks responses against the OpenAPI document: every status, body and header must be documented."""

from __future__ import annotations

import copy
import json
import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import httpx
from openapi_schema_validator import OAS31Validator, oas31_format_checker

ROOT = Path(__file__).resolve().parent.parent.parent
PREFIX = "/api/v1/"
#: Headers that middleware adds to every response. The document doesn't repeat them.
_COMMON = {
    *("allow", "cache-control", "connection", "content-length", "content-security-policy", "content-type", "date"),
    *("cross-origin-opener-policy", "ratelimit", "ratelimit-policy", "referrer-policy", "server", "transfer-encoding"),
    *("vary", "x-content-type-options", "x-frame-options", "x-request-id", "last-modified", "retry-after"),
    *("www-authenticate", "preference-applied", "keep-alive"),
}
_PROBLEM = {"type": str, "title": str, "status": int, "detail": str, "instance": str}


@cache
def document() -> dict[str, Any]:
    """Return the document that the command writes. The command also validates it and treats warnings as errors."""
    command = ["manage.py", "spectacular", "--validate", "--fail-on-warn", "--format", "openapi-json"]
    env = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    written = subprocess.run([sys.executable, *command], cwd=ROOT, env=env, capture_output=True, text=True)
    assert written.returncode == 0, written.stderr
    return json.loads(written.stdout)


def check(response: httpx.Response) -> None:
    """Fail if the response is not as documented. A hook of httpx, so a file's body is left for the caller to read."""
    path = response.request.url.path
    if not path.startswith(PREFIX) or response.request.method == "OPTIONS":
        return
    documented_operation = operation(response.request.method, path)
    if documented_operation is None:
        assert response.status_code in (401, 404, 405), f"{_name(response)} has no operation"
        _check_error(response)
        return
    documented = documented_operation["responses"].get(str(response.status_code))
    assert documented is not None, f"{_name(response)} is not documented"
    _check_headers(response, documented)
    _check_body(response, documented)


def operation(method: str, path: str) -> dict[str, Any] | None:
    """Return the operation of a call, found by its path template."""
    for template, operations in document()["paths"].items():
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path):
            return operations.get("get" if method == "HEAD" else method.lower())
    return None


def _check_headers(response: httpx.Response, documented: dict[str, Any]) -> None:
    names = {name.lower() for name in documented.get("headers", {})}
    undocumented = {name.lower() for name in response.headers} - names - _COMMON
    assert not undocumented, f"{_name(response)}: headers {undocumented} are not documented"


def _check_body(response: httpx.Response, documented: dict[str, Any]) -> None:
    contents = documented.get("content", {})
    media_type = response.headers.get("Content-Type", "")
    if response.request.method == "HEAD" or response.status_code in (204, 304):
        return
    if response.status_code >= 400:
        _check_error(response)
    if media_type == "application/problem+json":
        media_type = "application/json"
    assert media_type in contents, f"{_name(response)}: {media_type!r} is not documented, {list(contents)} is"
    schema = contents[media_type]["schema"]
    if schema.get("format") != "binary":
        _validate(response, schema)


def _check_error(response: httpx.Response) -> None:
    if response.request.method == "HEAD":
        return
    response.read()
    body = response.json()
    assert isinstance(body.get("error"), str) and body["error"], body
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", body.get("code", "")), body
    if response.headers["Content-Type"] == "application/problem+json":
        assert {name: type(body.get(name)) for name in _PROBLEM} == _PROBLEM, body


def _validate(response: httpx.Response, schema: dict[str, Any]) -> None:
    response.read()
    body = response.json()
    if response.headers["Content-Type"] == "application/problem+json":
        body = {name: value for name, value in body.items() if name not in _PROBLEM}
        schema = {"$ref": "#/components/schemas/Error"}
    whole = {"allOf": [schema], "components": _components(strict=response.status_code < 400)}
    errors = OAS31Validator(whole, format_checker=oas31_format_checker).iter_errors(body)
    sentences = [f"{'.'.join(map(str, error.absolute_path))}: {error.message}" for error in errors]
    assert not sentences, f"{_name(response)} is not as documented: {sentences}"


@cache
def _components(*, strict: bool) -> dict[str, Any]:
    """Return the document's schemas. `strict`: objects have no undocumented members."""
    components = copy.deepcopy(document()["components"])
    for schema in components["schemas"].values() if strict else ():
        if "properties" in schema:
            schema.setdefault("additionalProperties", False)
    return components


def _name(response: httpx.Response) -> str:
    return f"{response.request.method} {response.request.url.path}: {response.status_code}"
