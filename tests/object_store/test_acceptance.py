"""What the contract says of results holds where they are in an object store: the same tests, against another server."""

from __future__ import annotations

from tests.acceptance.test_us096_result import (  # noqa: F401
    job,
    test_us096_ac001_a_download_is_audited,
    test_us096_ac001_a_file_that_the_client_already_has_is_answered_with_304,
    test_us096_ac001_a_range_beyond_the_file_is_not_satisfiable,
    test_us096_ac001_a_range_is_sent_with_206,
    test_us096_ac001_a_range_with_another_if_range_gets_the_whole_file,
    test_us096_ac001_head_has_the_headers_of_get,
    test_us096_ac001_several_or_invalid_ranges_get_the_whole_file,
    test_us096_ac001_the_file_is_the_result,
    test_us096_ac001_the_headers_describe_the_file_and_keep_it_private,
    test_us096_ac003_the_result_of_a_running_job_is_not_ready,
    test_us096_ac004_a_failed_job_has_no_result,
    test_us096_ac007_without_a_grant_the_result_is_refused_whatever_its_state,
)
