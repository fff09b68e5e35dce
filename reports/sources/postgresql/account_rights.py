"""What the role of a data source may do beyond reading, on PostgreSQL."""

from __future__ import annotations

from reports.sources.rights import Excess

#: Roles that come with the server and allow more than reading tables (PostgreSQL manual, 22.5).
_FILE_ROLES = ("pg_read_server_files", "pg_write_server_files", "pg_execute_server_program")
#: Functions that only superusers may call, unless they were granted.
_FILE_FUNCTIONS = (
    "pg_read_file", "pg_read_binary_file", "pg_ls_dir", "pg_stat_file", "pg_file_write", "pg_file_read", "lo_import",
    "lo_export",
)  # fmt: skip
_FUNCTIONS_THAT_CONNECT = ("dblink", "dblink_connect", "dblink_exec", "dblink_connect_u")


def _texts(values: tuple[str, ...]) -> str:
    return ", ".join(f"'{value}'" for value in values)


def _of_a_role(condition: str) -> str:
    """True if it holds for a role that a query can take on: by set_config('role', …), which is a select."""
    roles = "pg_catalog.pg_roles r where pg_has_role(current_user, r.oid, 'member')"
    return f"exists (select from {roles} and {condition})"


def _may_call(functions: tuple[str, ...]) -> str:
    return f"""exists (select from pg_catalog.pg_proc p where p.proname in ({_texts(functions)})
        and has_schema_privilege(r.oid, p.pronamespace, 'usage') and has_function_privilege(r.oid, p.oid, 'execute'))"""


_MAY_CHANGE_A_TABLE = """exists (
    select from pg_catalog.pg_class c where c.relkind in ('r', 'p', 'v', 'f') and c.relpersistence <> 't'
    and c.relnamespace not in (select oid from pg_catalog.pg_namespace where nspname ~ '^(pg_|information_schema$)')
    and (has_table_privilege(r.oid, c.oid, 'insert, update, delete, truncate')
        or has_any_column_privilege(r.oid, c.oid, 'insert, update')))"""
_MAY_CREATE = "has_database_privilege(r.oid, current_database(), 'create')"
_CONDITIONS = {
    Excess.SUPERUSER: "r.rolsuper",
    Excess.FILES: f"(r.rolname in ({_texts(_FILE_ROLES)}) or {_may_call(_FILE_FUNCTIONS)})",
    Excess.WRITE: f"(r.rolname = 'pg_write_all_data' or {_MAY_CREATE} or {_MAY_CHANGE_A_TABLE})",
    Excess.ACCOUNTS: "r.rolcreaterole",
    Excess.REPLICATION: "r.rolreplication",
    Excess.CONNECT: _may_call(_FUNCTIONS_THAT_CONNECT),
}
#: One row: a column for each kind of excess, named like it.
QUERY = "select " + ", ".join(f"{_of_a_role(condition)} as {excess}" for excess, condition in _CONDITIONS.items())


def excesses(row: dict[str, bool]) -> list[Excess]:
    """What the row of QUERY says. Whoever is a superuser may do all the rest."""
    found = [excess for excess in _CONDITIONS if row[excess]]
    return [Excess.SUPERUSER] if Excess.SUPERUSER in found else found
