"""Errors of jobs. Each docstring is the default message; each code is stable."""

from __future__ import annotations

from common.exceptions import DomainError
from reports.exceptions import RunError


class JobNotFound(DomainError):
    """No such job."""

    code = "job_not_found"

    def __init__(self, job_id: object) -> None:
        super().__init__(f"Job with ID '{job_id}' not found.")


class ReportNotAsynchronous(DomainError):
    """Report is not configured for asynchronous generation."""

    code = "report_not_asynchronous"


class ReportNotSynchronous(DomainError):
    """Report is not configured for synchronous generation."""

    code = "report_not_synchronous"


class ReportConfigurationMissing(DomainError):
    """The original report configuration could not be found."""

    code = "report_configuration_missing"


class JobNotFailed(DomainError):
    """Only a failed job can be retried."""

    code = "job_not_failed"


class JobAlreadyRetried(DomainError):
    """This job has already been retried."""

    code = "job_already_retried"


class JobAlreadyEnded(DomainError):
    """The job has already ended, so it can't be cancelled."""

    code = "job_already_ended"


class TooManyJobs(DomainError):
    """Too many jobs are queued or running. Wait until some of them have ended, then try again."""

    code = "too_many_jobs"


class TooManyDownloads(DomainError):
    """Too many of your downloads are still running. Wait until one of them has ended, then try again."""

    code = "too_many_downloads"


class IdempotencyConflict(DomainError):
    """This Idempotency-Key was already used with another request body."""

    code = "idempotency_key_reused"


class InvalidIdempotencyKey(DomainError):
    """Idempotency-Key must have 1 to 255 characters and no control characters."""

    code = "invalid_idempotency_key"


class ResultUnavailable(DomainError):
    """The job has no result."""

    def __init__(self, status: str) -> None:
        super().__init__()
        self.details = {"status": status, "message": self.message}


class ResultNotReady(ResultUnavailable):
    """Job is not yet complete. Please continue polling the status URL."""

    code = "job_not_complete"


class ResultOfFailedJob(ResultUnavailable):
    """Job failed to generate a result. Check job logs for details."""

    code = "job_failed"


class ResultMissing(DomainError):
    """Internal server error: Result file for completed job is missing."""

    code = "result_missing"


class StorageUnavailable(DomainError):
    """The storage of results can't be reached at the moment. Try again shortly."""

    code = "storage_unavailable"
    retryable = True

    def __init__(self, reason: str = "", remedy: str = "") -> None:
        """`reason` and `remedy` are sentences for operators."""
        super().__init__()
        self.reason = reason
        self.remedy = remedy


class RowsNotKept(DomainError):
    """The rows of this result weren't kept."""

    code = "rows_not_kept"


class RowsBusy(DomainError):
    """Too many people are reading rows at the moment. Try again shortly."""

    code = "rows_busy"
    retryable = True


class ComparisonFailed(DomainError):
    """The results couldn't be compared at the moment. They may be too large. Try again shortly."""

    code = "comparison_failed"
    retryable = True


class RowsGone(RunError):
    """The rows to convert were deleted before the job ran."""

    code = "rows_gone"


class RangeNotSatisfiable(DomainError):
    """The requested range contains no byte of the file."""

    code = "range_not_satisfiable"

    def __init__(self, size: int) -> None:
        super().__init__(size=size)
        self.size = size


class NoFailedDelivery(DomainError):
    """No delivery of this job has failed, so there is nothing to send again."""

    code = "nothing_given_up"


class DeliveryNotFound(DomainError):
    """No such delivery."""

    code = "delivery_not_found"


class DeliveryNotHeld(DomainError):
    """The delivery isn't held, so it can be neither released nor discarded."""

    code = "delivery_not_held"


class DeliveryNotAllowed(DomainError):
    """The delivery must not be sent."""

    code = "delivery_not_allowed"


class ResultPurged(DomainError):
    """The result was deleted after its retention period, so it can't be sent again. Run the report again."""

    code = "result_purged"


class ClaimsBusy(DomainError):
    """Another worker is about to claim a job with the same limits."""

    code = "claims_busy"
    retryable = True


class HostFault(DomainError):
    """This host can't run reports at the moment."""

    code = "host_fault"
    retryable = True


class WrongStore(HostFault):
    """The store of results is not the one that this installation uses, or its share is not mounted."""


class IllegalTransition(DomainError):
    """The job can't change from its status to that one."""

    code = "illegal_move"


class QueueUnavailable(DomainError):
    """The job queue is not responding. Nothing was queued. Try again shortly."""

    code = "queue_unavailable"
    retryable = True


class InvalidSavedView(DomainError):
    """A view needs a name of at most 60 characters and at least one filter."""

    code = "view_not_saved"


class TooManySavedViews(DomainError):
    """You have 30 saved views, the maximum. Delete one first."""

    code = "too_many_views"


class ConnectionNotFound(DomainError):
    """No such connection."""

    code = "connection_not_found"


class AmbiguousConnection(DomainError):
    """Several tenants have a connection with this slug. Use the connection's id, a UUID, instead."""

    code = "ambiguous_connection"


class ConnectionInUse(DomainError):
    """Schedules send to this connection. Change or delete them first."""

    code = "connection_in_use"


class LinkNotFound(DomainError):
    """This download link doesn't exist, or no longer works."""

    code = "link_not_found"
