"""Retrying a job (US-074), editing and running a report in Firefox, against a real server."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.firefox import Firefox, firefox
from tests.pages.browser import failed_job
from tests.server import Client, RunningServer

RETRY = "Retry job Broken"
STATUS = "document.querySelector('[role=status]').innerText"


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firefox]:
    with firefox(tmp_path_factory.mktemp("firefox")) as window:
        yield window


def sign_in(window: Firefox, server: RunningServer, name: str, path: str) -> None:
    window.call("storage.deleteCookies")
    window.open(f"{server.url}{path}")
    window.type("#id_username", name)
    window.type("#id_password", f"{name}-password-1")
    window.click(window.element("form button.primary"))
    window.wait_for(f"location.pathname + location.search == {path!r} && document.readyState == 'complete'")


def test_an_administrator_retries_a_failed_job_in_firefox(
    window: Firefox, server: RunningServer, bob: Client, alice: Client
) -> None:
    failed = failed_job(bob)
    sign_in(window, server, "alice", "/jobs?report=broken")
    assert window.buttons(RETRY), "found by its accessible name"
    window.click(window.element(f"#retry-{failed}"), times=2)
    window.wait_for(f"{STATUS}.includes('Broken retried as a new job')")
    window.wait_for("document.querySelector('tbody tr').innerText.includes('alice')")
    assert window.value("location.pathname + location.search") == "/jobs?report=broken", "the filter is kept"
    retries = [job for job in alice.get("/jobs?report=broken").json()["results"] if job["retryOf"] == failed]
    assert len(retries) == 1, "two clicks, one retry"
    window.wait_for(f"document.querySelector('tbody tr a.title').href.includes('{retries[0]['jobId']}')")
    window.wait_for("document.querySelector('tbody tr').innerText.includes('Failed')")


def test_other_users_have_no_retry_button_in_firefox_and_the_request_is_refused(
    window: Firefox, server: RunningServer, bob: Client
) -> None:
    failed = failed_job(bob)
    sign_in(window, server, "bob", "/jobs?report=broken")
    window.element(f"#job-{failed}")
    assert window.buttons(RETRY) == []
    status = window.call(
        "script.evaluate",
        expression=f"fetch('/jobs/{failed}/retry', {{method: 'POST', headers: {{'X-CSRFToken': "
        "document.querySelector('[name=csrfmiddlewaretoken]').value}}).then(response => response.status)",
        target={"context": window.context},
        awaitPromise=True,
    )
    assert status["result"]["value"] == 403


def test_a_report_is_edited_in_firefox(
    create_report: Callable[[str], None], window: Firefox, server: RunningServer, alice: Client
) -> None:
    create_report("fox")
    sign_in(window, server, "alice", "/reports/fox/edit")
    window.wait_for("document.querySelectorAll('.highlight-layer .hljs-keyword').length > 5")
    invalid = "select region from sale where day >= :since and :region is null and amount > :least"
    window.click(window.element("#tab-query-link"))
    window.type("#edit-query", invalid)
    window.wait_for("document.querySelector('.highlight-layer').textContent.includes('amount > :least')")
    assert window.value("document.querySelector('.highlight-layer .hljs-keyword').innerText") == "select"
    window.click(window.element("button[value=save]"))
    window.wait_for("!!document.querySelector('#edit-query[aria-invalid=true]')")
    assert ":least" in window.value("document.querySelector('#edit-query-help').innerText"), "beside the field"
    assert window.value("document.querySelector('#edit-query').value") == invalid, "the input is kept"
    window.wait_for(f"document.querySelector('.highlight-layer')?.textContent.trim() == {invalid!r}")
    valid = invalid.replace(":least", "7")
    window.type("#edit-query", valid)
    window.click(window.element("button[value=save]"))
    window.wait_for("location.pathname == '/reports/fox' && document.readyState == 'complete'")
    assert "Saved as version 2." in window.value("document.querySelector('#notices').innerText")
    stored = alice.get("/reports/fox").json()
    assert (stored["version"], stored["definition"]["query"]) == (2, valid)


def test_a_run_is_followed_live_and_downloaded_in_firefox(window: Firefox, server: RunningServer) -> None:
    sign_in(window, server, "bob", "/reports/slow")
    window.type("[name='param.steps']", "6000000")
    window.click(window.element("#run button.primary"), times=2)
    window.wait_for("location.pathname.startsWith('/jobs/') && document.readyState == 'complete'")
    assert not window.value("!!document.querySelector('#download')"), "not yet"
    window.run("() => { window.same = true; }")
    window.wait_for("!!document.querySelector('#download')")
    assert window.value("window.same") is True, "without loading the page again"
    window.click(window.element("#download"))
    assert b"6000000" in window.downloaded("*.csv")
