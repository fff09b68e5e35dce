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

# Reads a key with its user, valid or not, so that a refused one needs no second query either. Parameters: name of the
# Administrator role, id of the key.
USER_OF_KEY = """
    select accounts_user.*, exists (
        select 1 from accounts_user_groups
        join auth_group on auth_group.id = accounts_user_groups.group_id
        where accounts_user_groups.user_id = accounts_user.id and auth_group.name = %s
    ) as has_administrator_role,
    key.id as key_id, key.name as key_name, key.digest as key_digest,
    cast(key.rights as text) as key_rights, cast(key.reports as text) as key_reports,
    (accounts_user.is_active and key.revoked_at is null and key.expires_at > current_timestamp
        and key.generation = accounts_user.session_generation) as key_is_valid
    from accounts_apikey as key
    join accounts_user on accounts_user.id = key.user_id
    where key.id = %s
"""
