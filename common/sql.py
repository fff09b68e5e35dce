"""This app's hand-written SQL."""

from __future__ import annotations

from typing import NamedTuple

#: On SQLite the table is in a file of its own, which is made anew if it is damaged.
CREATE_COUNTS_ON_SQLITE = (
    "create table if not exists rate_count (key char(64) primary key, started bigint not null, used bigint not null)"
)


class CountStatements(NamedTuple):
    """The statements on rate counts in one vendor's SQL."""

    #: Parameters: key, amount, unlimited (boolean), limit. Returns the count, the start of its window and the time; no
    #: row if the count was already at the limit; then it stays.
    count_call: str
    #: Parameter: key. Returns the start of its window and the time.
    read: str
    #: Deletes the counts of past windows.
    delete_old: str


# The database's clock decides, since hosts' clocks differ: they would reset each other's counts. One statement, so that
# concurrent calls can't overwrite each other's counts. The row belongs to one window at a time: the first call of a
# later window starts it again from 0. A call that waited for the row into a new window counts in that one; but after
# a clock was set back, the count starts again.
_COUNT_CALL = """
    insert into rate_count (key, started, used) values (%s, {now} - {now} %% 60, %s)
    on conflict (key) do update set
        used = case when {same} then rate_count.used else 0 end + excluded.used,
        started = case when {same} then rate_count.started else excluded.started end
    where %s or not ({same}) or rate_count.used < %s
    returning used, started, {now}
"""
_READ = "select started, {now} from rate_count where key = %s"
_DELETE_OLD = "delete from rate_count where started < {now} - 120"
_SAME_WINDOW = "rate_count.started between excluded.started and excluded.started + 60"
#: Seconds since 1970, the same in the whole statement.
_NOW = {"sqlite": "unixepoch()", "postgresql": "floor(extract(epoch from statement_timestamp()))::bigint"}

COUNT_STATEMENTS = {
    vendor: CountStatements(
        count_call=_COUNT_CALL.format(now=now, same=_SAME_WINDOW),
        read=_READ.format(now=now),
        delete_old=_DELETE_OLD.format(now=now),
    )
    for vendor, now in _NOW.items()
}
