"""This app's hand-written SQL."""

from __future__ import annotations

# Every call of the API runs this, and Django takes five times as long to build such a query as the database takes to
# answer it. Parameters: name of the Administrator role, user id, id of the session.
SIGNED_IN_USER = """
    select accounts_user.*, exists (
        select 1 from accounts_user_groups
        join auth_group on auth_group.id = accounts_user_groups.group_id
        where accounts_user_groups.user_id = accounts_user.id and auth_group.name = %s
    ) as has_administrator_role
    from accounts_user
    join accounts_refreshsession as session on session.user_id = accounts_user.id
    where accounts_user.id = %s and accounts_user.is_active and session.id = %s and session.revoked_at is null
"""
