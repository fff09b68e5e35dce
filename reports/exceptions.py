"""Errors of reports. Each docstring is the default message; each code is stable."""

from __future__ import annotations

from common.exceptions import DomainError


class ReportNotFound(DomainError):
    """No such report."""

    code = "report_not_found"


class AmbiguousReport(DomainError):
    """Several tenants have a report with this slug. Use the report's id, a UUID, instead."""

    code = "ambiguous_report"


class ReportIncomplete(DomainError):
    """The report has no definition yet."""

    code = "report_incomplete"


class VersionNotFound(DomainError):
    """This version of the report does not exist."""

    code = "version_not_found"


class ReportChanged(DomainError):
    """Somebody else changed the report in the meantime."""

    code = "report_changed"


class InvalidParameters(DomainError):
    """Some parameters are missing or not valid."""

    code = "invalid_parameters"

    def __init__(self, fields: dict[str, list[str]]) -> None:
        super().__init__(fields=fields)
        self.fields = fields


class ChoicesNotFound(DomainError):
    """The report has no such parameter, or its choices don't come from a query."""

    code = "choices_not_found"


class ChoicesUnavailable(DomainError):
    """The choices of a parameter can't be read at the moment. Nothing was queued. Try again shortly."""

    code = "choices_unavailable"
    retryable = True


class CallerAttributeMissing(DomainError):
    """This report depends on who runs it, and an attribute of that user is missing."""

    code = "caller_attribute_missing"


class CallerAttributesChanged(DomainError):
    """The attributes of the user this job ran as have changed, or the user was deactivated. Run the report again."""

    code = "caller_attributes_changed"


class InvalidDefinition(DomainError):
    """The definition is not valid."""

    code = "invalid_definition"


class SourceNotFound(DomainError):
    """No such data source."""

    code = "source_not_found"


class AmbiguousSource(DomainError):
    """Several tenants have a data source with this slug. Use its id, a UUID, instead."""

    code = "ambiguous_source"


class TableNotFound(DomainError):
    """The data source has no such uploaded table or version."""

    code = "table_not_found"


class UploadLost(DomainError):
    """The file of this version is missing on the server. Upload it again."""

    code = "upload_lost"


class SourceInUse(DomainError):
    """Reports or schedules use this data source. Change or delete them first."""

    code = "source_in_use"


class RunError(DomainError):
    """The report could not be run."""

    code = "run_failed"


class ReportDeleted(RunError):
    """The report was deleted before the job ran."""

    code = "report_configuration_missing"


class SourceMissing(RunError):
    """The report's data source was deleted. Ask an administrator to choose another one."""

    code = "source_missing"


class SourceUnavailable(RunError):
    """The data source is not responding. Try again later."""

    code = "source_unavailable"
    retryable = True


class SourceUnusable(SourceUnavailable):
    """The data source is not set up correctly. Ask an administrator to check it."""

    retryable = False


class WrongKey(RunError):
    """A stored secret can't be read with the server's data keys. Ask an administrator to restore the key, or to enter
    the secret again."""

    code = "wrong_data_key"


class QueryFailed(RunError):
    """The data source rejected the query."""

    code = "query_failed"


class QueryTimeout(RunError):
    """The query took longer than the report allows. Narrow the parameters, or ask for a higher limit."""

    code = "timeout"


class DryRunLost(RunError):
    """The process that did this ended unexpectedly. The query or the template may need too much memory."""

    code = "dry_run_lost"


class DryRunBusy(DomainError):
    """Too many previews and checks are running. Try again in a few seconds."""

    code = "busy"
    retryable = True


class FormatCannotHold(RunError):
    """The result does not fit in this format."""

    code = "format_cannot_hold_result"


class DesignMismatch(RunError):
    """The report's totals or chart don't match the columns of its query."""

    code = "design_mismatch"


class OutOfSpace(RunError):
    """The server has no space left for the result."""

    code = "out_of_space"
    retryable = True


class ResultTooLarge(RunError):
    """The result is larger than the report allows. Narrow the parameters, or ask for a higher limit."""

    code = "result_too_large"


class TemplateFailed(RunError):
    """The document could not be created from the report's template."""

    code = "template_failed"
