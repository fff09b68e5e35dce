"""What there is to be: tenants, users, data sources and reports, as a file, a call of the API or a page says it.

What this package exposes are the types: the meaning, limits and default of each field, and every fault by its path.
They ask no database. `files` and `yaml` read the file; `sync` makes what is in the database match it, `stored` makes
definitions of what is in the database, and `export` a file of them.
"""

from reports.definitions.file_schema import (
    SERVERS,
    DataSourceDefinition,
    Definitions,
    TenantDefinition,
    UserDefinition,
    editor_schema,
)
from reports.definitions.report import (
    ApiResponseDelivery,
    CsvDefinition,
    DeliveryDefinition,
    EmailDelivery,
    FileShareDelivery,
    GrantsDefinition,
    ParameterDefinition,
    ReportDefinition,
    WebhookDelivery,
    merge_patch,
    parse_report,
    query_errors,
)

__all__ = [
    "SERVERS",
    "ApiResponseDelivery",
    "CsvDefinition",
    "DataSourceDefinition",
    "Definitions",
    "DeliveryDefinition",
    "EmailDelivery",
    "FileShareDelivery",
    "GrantsDefinition",
    "ParameterDefinition",
    "ReportDefinition",
    "TenantDefinition",
    "UserDefinition",
    "WebhookDelivery",
    "editor_schema",
    "merge_patch",
    "parse_report",
    "query_errors",
]
