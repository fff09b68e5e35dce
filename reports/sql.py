"""SQL of this app that is written by hand.

The statements on reports and rights run with nearly every call of the API. Django takes five times as long to build
them as the database takes to answer them.
"""

from __future__ import annotations

#: Parameters: the id or slug, whether every tenant counts, the tenant's id. Two rows are enough to tell that a slug is
#: ambiguous.
FIND_REPORT_BY_ID = """
    select * from reports_reportconfiguration where id = %s and (%s or tenant_id = %s) limit 2
"""
FIND_REPORT_BY_SLUG = """
    select * from reports_reportconfiguration where slug = %s and (%s or tenant_id = %s) limit 2
"""

#: Codenames of a user's rights on one report. Parameters: report, user, report, user.
RIGHTS_ON_REPORT = """
    select codename from auth_permission
    where id in (select permission_id from reports_usergrant where content_object_id = %s and user_id = %s)
    or id in (
        select permission_id from reports_rolegrant
        join accounts_user_groups on accounts_user_groups.group_id = reports_rolegrant.group_id
        where content_object_id = %s and accounts_user_groups.user_id = %s
    )
"""

#: Codename and report of all rights of a user in a tenant, and whether the report depends on who runs it. Parameters:
#: user, user, tenant.
GRANTED_REPORTS = """
    select codename, content_object_id, is_caller_bound from (
        select permission_id, content_object_id from reports_usergrant where user_id = %s
        union
        select permission_id, content_object_id from reports_rolegrant
        join accounts_user_groups on accounts_user_groups.group_id = reports_rolegrant.group_id
        where accounts_user_groups.user_id = %s
    ) grants
    join auth_permission on auth_permission.id = grants.permission_id
    join reports_reportconfiguration on reports_reportconfiguration.id = grants.content_object_id
    where reports_reportconfiguration.tenant_id = %s
"""

#: PostgreSQL only: wait until no other transaction holds the lock of this number.
LOCK_UNTIL_COMMIT = "select pg_advisory_xact_lock(%s)"
