"""Kept rows beside an object store: read page by page from a copy, converted, and never read once they are gone."""

from __future__ import annotations

from tests.acceptance.helpers import assert_error, succeeded_job
from tests.acceptance.test_kept_rows import (  # noqa: F401
    job,
    test_bad_input_is_said_on_its_field,
    test_reading_rows_is_audited,
    test_rights_are_those_of_the_result,
    test_rows_are_read_sorted_and_searched,
)
from tests.object_store.proxy import Fault


def test_a_conversion_renders_the_kept_rows(bob, job):  # noqa: F811
    answer = bob.post(f"/jobs/{job}/convert", json={"format": "csv"})
    assert answer.status_code == 202, answer.text
    converted = bob.wait(answer.json()["jobId"])
    assert bob.get(converted["resultUrl"]).text.splitlines()[1] == "north,100,14850"


def test_rows_that_are_gone_are_not_kept_and_those_out_of_reach_are_unavailable(server, proxy, objects, bob):
    job = succeeded_job(bob, format="pdf")  # noqa: F811
    assert bob.get(f"/jobs/{job}/rows").status_code == 200
    with proxy.failing(Fault(0)):
        assert_error(bob.get(f"/jobs/{job}/rows"), 503, "storage_unavailable")
    (rows,) = [meta["path"] for found in objects.find(f"{job[:2]}/{job}") for meta in found if ".rows" in meta["path"]]
    objects.delete([rows])
    assert_error(bob.get(f"/jobs/{job}/rows"), 404, "rows_not_kept")
    conversion = bob.post(f"/jobs/{job}/convert", json={"format": "csv"}).json()["jobId"]
    assert bob.wait(conversion)["errorDetails"]["code"] == "rows_gone"
