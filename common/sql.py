"""This app's hand-written SQL."""

from __future__ import annotations

# One statement, so that concurrent calls can't overwrite each other's counts. The row belongs to one window at a time:
# the first call of a later window starts it again from 0. Parameters: key, window, amount, unlimited (boolean), limit.
# Returns no row if the count was already at the limit; then it stays.
COUNT_CALL = """
    insert into rate_count (key, started, used) values (%s, %s, %s)
    on conflict (key) do update set
        used = case when rate_count.started = excluded.started then rate_count.used else 0 end + excluded.used,
        started = excluded.started
    where %s or rate_count.started <> excluded.started or rate_count.used < %s
    returning used
"""
