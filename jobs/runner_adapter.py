"""Runs reports for the pages of the reports app: the jobs side of reports.runner_port."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from accounts.models import User
from jobs import actions
from jobs.models import JobExecutionLog
from jobs.monitoring import past_runs, report_stats
from jobs.queue.idempotency import Idempotency
from reports.models import ReportConfiguration
from reports.parameters.date_math import Moment
from reports.runner_port import ReportStats, RunHistory, Submission, Throughput

_RECENT_JOBS = 5


class JobRunner:
    """Runs reports as jobs."""

    def submit(
        self,
        report: ReportConfiguration,
        user: User,
        *,
        parameters: Mapping[str, object],
        moment: Moment,
        format: str,
        deliver: bool,
        notify: bool,
        locale: str,
        section: str | None,
        form_key: str,
    ) -> Submission:
        body = {"parameters": parameters, "format": format, "from_text": True, "mode": None}
        submission = actions.submit(
            report=report,
            actor=user,
            parameters=parameters,
            format=format,
            deliver=deliver,
            notify=notify,
            locale=locale,
            section=section,
            from_text=True,
            moment=moment,
            mode=None,
            idempotency=Idempotency.of(form_key, body) if form_key else None,
        )
        return Submission(submission.job.pk, submission.is_replay)

    def stats(self, user: User, reports: Sequence[ReportConfiguration]) -> Mapping[UUID, ReportStats]:
        return report_stats.report_stats(user, reports)

    def recent_jobs(self, user: User, report: ReportConfiguration) -> SafeString:
        jobs = JobExecutionLog.objects.visible_to(user)
        jobs = jobs.filter(jobs.of_reports({report.pk: report.tenant_id})).with_result_and_retry()
        return render_to_string(
            "jobs/_short_list.html", {"jobs": jobs[:_RECENT_JOBS], "empty_text": gettext("No runs yet")}
        )

    def run_history(self, report: ReportConfiguration) -> RunHistory | None:
        return report_stats.run_history(report)

    def throughputs(self, report: ReportConfiguration) -> Mapping[str, Throughput]:
        return past_runs.throughputs(report)
