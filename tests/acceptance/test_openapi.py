"""The OpenAPI document and its page, and the check of all responses against the document.

Client checks every response in the acceptance tests against the document: see tests/acceptance/openapi.py.
"""

from __future__ import annotations

import json
import re
from urllib.parse import urljoin, urlsplit

import httpx
import pytest
import yaml

from tests.acceptance import openapi
from tests.acceptance.helpers import assert_error

JOB = "/api/v1/jobs/00000000-0000-4000-8000-000000000000"


def test_the_document_is_valid_and_has_no_warnings():
    document = openapi.document()
    assert document["openapi"].startswith("3.")
    assert len(document["paths"]) >= 14


def test_the_server_serves_the_document_that_the_command_writes(server, dave):
    answer = dave.get("/api/schema")
    assert answer.status_code == 200
    assert yaml.safe_load(answer.text) == openapi.document()


OPENAPI, JSON = "application/vnd.oai.openapi", "application/json"


@pytest.mark.parametrize(
    ("query", "accept", "media_type"),
    [
        ("", "*/*", OPENAPI),
        ("", "text/html, */*;q=0.8", OPENAPI),
        ("", "text/html", OPENAPI),
        ("", "application/yaml", "application/yaml"),
        ("", JSON, JSON),
        ("", "Application/JSON; charset=utf-8", JSON),
        ("", f"{OPENAPI}+json", f"{OPENAPI}+json"),
        ("", f"{OPENAPI};q=0.2, {JSON};q=0.9", JSON),
        ("?format=json", "*/*", f"{OPENAPI}+json"),
        ("?format=json", JSON, JSON),
        ("?format=json", OPENAPI, f"{OPENAPI}+json"),
        ("?format=yaml", JSON, OPENAPI),
        ("?format=nonsense", JSON, JSON),
    ],
)
def test_the_document_is_served_in_the_accepted_media_type(dave, query, accept, media_type):
    answer = dave.get(f"/api/schema{query}", headers={"Accept": accept})
    assert (answer.status_code, answer.headers["Content-Type"].split(";")[0]) == (200, media_type)
    read = json.loads if "json" in media_type else yaml.safe_load
    assert read(answer.text) == openapi.document()


@pytest.mark.parametrize("path", ["/api/schema", "/api/docs"])
@pytest.mark.parametrize("accept", ["*/*", JSON, "application/yaml", "text/html"])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_the_document_is_read_only(anonymous, dave, path, accept, method):
    for client, status, code in ((anonymous, 401, "not_authenticated"), (dave, 405, "method_not_allowed")):
        answer = client.request(method, path, headers={"Accept": accept})
        assert_error(answer, status, code)
        assert answer.headers["Content-Type"] == JSON
    assert "GET" in answer.headers["Allow"]


def test_an_error_of_the_document_is_json(anonymous):
    for accept in ("application/yaml", f"{OPENAPI}+json"):
        answer = anonymous.get("/api/schema", headers={"Accept": accept})
        assert_error(answer, 401, "not_authenticated")
        assert answer.headers["Content-Type"] == JSON


def test_the_document_has_every_call_of_the_contract():
    calls = {f"{method} {path}" for path, operations in openapi.document()["paths"].items() for method in operations}
    calls = {re.sub(r"\{\w+\}", "{}", call.replace("/api/v1", "")) for call in calls}
    assert calls >= {
        *("post /auth/token", "post /auth/token/refresh", "post /auth/token/verify", "post /auth/token/revoke"),
        *("get /reports", "post /reports", "get /reports/{}", "put /reports/{}", "patch /reports/{}"),
        *("delete /reports/{}", "post /reports/{}/generate", "get /jobs", "get /jobs/{}", "get /jobs/{}/result"),
        *("post /jobs/{}/retry", "post /jobs/{}/cancel", "get /jobs/{}/events", "get /audit"),
    }


def test_every_operation_documents_its_purpose_and_its_errors():
    for path, operations in openapi.document()["paths"].items():
        for method, operation in operations.items():
            assert operation.get("description") or operation.get("summary"), (method, path)
            expected = {"401"} if "/auth/" in path else {"401", "429"}
            assert expected <= set(operation["responses"]), (method, path)
            assert all(answer.get("description") is not None for answer in operation["responses"].values())


def test_the_page_uses_no_outside_host(server, dave):
    page = dave.get("/api/docs")
    assert page.status_code == 200 and "swagger" in page.text
    links = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(links) >= 3
    texts = [page.text]
    for link in links:
        assert urlsplit(urljoin(server.url, link)).netloc == urlsplit(server.url).netloc
        answer = dave.http.get(link.replace("&amp;", "&"))
        assert answer.status_code == 200, link
        if "script=" in link:
            texts.append(answer.text)
    for text in texts:
        assert not [host for host in re.findall(r"https?://([^/\"'\s]+)", text) if host != urlsplit(server.url).netloc]


def test_a_browser_that_is_not_signed_in_is_redirected_to_sign_in(server):
    browser = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    answer = server.client().http.get("/api/docs", headers=browser)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/login?next=/api/docs")
    for headers in ({"Accept": "*/*"}, {**browser, "Authorization": "Bearer nonsense"}):
        assert server.client().http.get("/api/docs", headers=headers).status_code == 401


# --- The check itself ------------------------------------------------------------------------------------------------


def answer(status, body, method="GET", path=JOB, **headers):
    return httpx.Response(status, json=body, headers=headers, request=httpx.Request(method, f"http://x{path}"))


ERROR = {"error": "A sentence.", "code": "a_code"}
DEVIATIONS = {
    "a status that is not documented": lambda: answer(418, ERROR),
    "a body without a required member": lambda: answer(200, {"jobId": "x"}),
    "an error without a code": lambda: answer(404, {"error": "A sentence."}),
    "an error whose code is no name": lambda: answer(404, ERROR | {"code": "Not Found"}),
    "an error without a sentence": lambda: answer(404, ERROR | {"error": ""}),
    "a header that is not documented": lambda: answer(404, ERROR, **{"X-Secret": "1"}),
    "an address that is not documented": lambda: answer(200, {}, path="/api/v1/secrets"),
    "a problem without its members": lambda: answer(404, ERROR, **{"Content-Type": "application/problem+json"}),
    "another media type": lambda: answer(404, ERROR, **{"Content-Type": "text/html"}),
}


@pytest.mark.parametrize("deviation", DEVIATIONS)
def test_the_check_detects(deviation):
    with pytest.raises(AssertionError):
        openapi.check(DEVIATIONS[deviation]())


def test_the_check_detects_an_undocumented_member(bob):
    status = bob.get(f"/jobs/{bob.generate('sales-by-region')}").json()
    openapi.check(answer(200, status))
    with pytest.raises(AssertionError):
        openapi.check(answer(200, status | {"secret": 1}))
    with pytest.raises(AssertionError):
        openapi.check(answer(200, status | {"status": "Sleeping"}))
    with pytest.raises(AssertionError):
        openapi.check(answer(200, status | {"startTime": None}))


def test_the_check_accepts_documented_errors():
    openapi.check(answer(404, ERROR))
    openapi.check(answer(404, ERROR, path="/api/v1/secrets"))
    openapi.check(answer(405, ERROR, method="DELETE"))
