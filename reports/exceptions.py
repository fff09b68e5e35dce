"""What can go wrong with a report. Each docstring is the default message, each code is stable."""

from __future__ import annotations

from common.exceptions import DomainError


class ReportNotFound(DomainError):
    """No such report."""

    code = "report_not_found"


class AmbiguousReport(DomainError):
    """Reports of several tenants have this slug. Name the one that is meant by its id, which is a UUID."""

    code = "ambiguous_report"


class ReportIncomplete(DomainError):
    """The report has no definition yet."""

    code = "report_incomplete"


class VersionNotFound(DomainError):
    """The report has no such version."""

    code = "version_not_found"


class ReportChanged(DomainError):
    """Somebody else changed the report since this was begun."""

    code = "report_changed"


class InvalidParameters(DomainError):
    """Some parameters are missing or not valid."""

    code = "invalid_parameters"

    def __init__(self, fields: dict[str, list[str]]) -> None:
        super().__init__(fields=fields)
        self.fields = fields


class InvalidDefinition(DomainError):
    """The definition is not valid."""

    code = "invalid_definition"


class RunError(DomainError):
    """The report could not be run."""

    code = "run_failed"


class ReportDeleted(RunError):
    """The report was deleted before the job ran."""

    code = "report_configuration_missing"


class SourceMissing(RunError):
    """The report's data source no longer exists. An administrator has to point the report at another one."""

    code = "source_missing"


class SourceUnavailable(RunError):
    """The data source does not answer at the moment."""

    code = "source_unavailable"
    retryable = True


class QueryFailed(RunError):
    """The data source refused the query."""

    code = "query_failed"


class QueryTimeout(RunError):
    """The query took longer than the report allows. Narrow the parameters, or have the limit raised."""

    code = "timeout"


class FormatCannotHold(RunError):
    """The result does not fit into this format."""

    code = "format_cannot_hold_result"


class DesignMismatch(RunError):
    """The report's totals or chart do not fit the columns of its query."""

    code = "design_mismatch"


class OutOfSpace(RunError):
    """The server has no room left for the result."""

    code = "out_of_space"
    retryable = True


class SourceUnusable(SourceUnavailable):
    """The data source cannot be read the way it is set up. An administrator has to look at it."""

    retryable = False


class ResultTooLarge(RunError):
    """The result is larger than the report allows. Narrow the parameters, or have the limit raised."""

    code = "result_too_large"


class TemplateFailed(RunError):
    """The document could not be made from the report's template."""

    code = "template_failed"
