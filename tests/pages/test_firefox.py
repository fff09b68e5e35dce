"""US-074 in Firefox: the same pages in the other engine, against the real server with its workers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.firefox import Firefox, firefox
from tests.pages.browser import failed_job
from tests.server import Client, Running

RETRY = "Retry job Broken"
STATUS = "document.querySelector('[role=status]').innerText"


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firefox]:
    with firefox(tmp_path_factory.mktemp("firefox")) as window:
        yield window


def sign_in(window: Firefox, server: Running, name: str, path: str) -> None:
    window.call("storage.deleteCookies")
    window.open(f"{server.url}{path}")
    window.type("#id_username", name)
    window.type("#id_password", f"{name}-password-1")
    window.click(window.element("form button.primary"))
    window.wait_for(f"location.pathname + location.search == {path!r} && document.readyState == 'complete'")


def test_an_administrator_retries_a_failed_job_in_firefox(
    window: Firefox, server: Running, bob: Client, alice: Client
) -> None:
    failed = failed_job(bob)
    sign_in(window, server, "alice", "/jobs?report=broken")
    assert window.buttons(RETRY), "found by its name, as a screen reader does"
    window.click(window.element(f"#retry-{failed}"), times=2)
    window.wait_for(f"{STATUS}.includes('Broken is queued again')")
    window.wait_for("document.querySelector('tbody tr').innerText.includes('alice')")
    assert window.value("location.pathname + location.search") == "/jobs?report=broken", "the filter must survive"
    mine = [job for job in alice.get("/jobs?report=broken").json()["results"] if job["retryOf"] == failed]
    assert len(mine) == 1, "pressed twice, made once"
    window.wait_for(f"document.querySelector('tbody tr a.title').href.includes('{mine[0]['jobId']}')")
    window.wait_for("document.querySelector('tbody tr').innerText.includes('Failed')")


def test_others_see_no_retry_in_firefox_and_the_call_is_refused(window: Firefox, server: Running, bob: Client) -> None:
    failed = failed_job(bob)
    sign_in(window, server, "bob", "/jobs?report=broken")
    window.element(f"#job-{failed}")
    assert window.buttons(RETRY) == []
    status = window.call(
        "script.evaluate",
        expression=f"fetch('/jobs/{failed}/retry', {{method: 'POST', headers: {{'X-CSRFToken': "
        "document.querySelector('[name=csrfmiddlewaretoken]').value}}).then(answer => answer.status)",
        target={"context": window.context},
        awaitPromise=True,
    )
    assert status["result"]["value"] == 403
