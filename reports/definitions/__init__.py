"""Declarative definitions of tenants, users, data sources and reports, as in a file, an API call or a form.

This package exposes the types: the meaning, limits and default of each field. They never query the database.

* `files` and `yaml` read definitions files; `errors` collects errors of a definition by path.
* `from_database` returns definitions of what is stored; `export` writes a file of them.
* `to_database` stores one report; `sync` makes tenants, users and data sources match a file.
"""

from reports.definitions.file_schema import (
    SERVERS,
    AttributeDefinition,
    DataSourceDefinition,
    Definitions,
    TenantDefinition,
    UserDefinition,
    editor_schema,
)
from reports.definitions.providers.definition import IdentityDefinition, IdentityProviderDefinition
from reports.definitions.queries import query_errors
from reports.definitions.report import (
    ApiResponseDelivery,
    ChoicesQueryDefinition,
    CsvDefinition,
    DeliveryDefinition,
    EmailDelivery,
    FileShareDelivery,
    GrantsDefinition,
    ParameterDefinition,
    ReportDefinition,
    RuleDefinition,
    WebhookDelivery,
    merge_patch,
    parse_report,
)

__all__ = [
    "SERVERS",
    "ApiResponseDelivery",
    "AttributeDefinition",
    "ChoicesQueryDefinition",
    "CsvDefinition",
    "DataSourceDefinition",
    "Definitions",
    "DeliveryDefinition",
    "EmailDelivery",
    "FileShareDelivery",
    "GrantsDefinition",
    "IdentityDefinition",
    "IdentityProviderDefinition",
    "ParameterDefinition",
    "ReportDefinition",
    "RuleDefinition",
    "TenantDefinition",
    "UserDefinition",
    "WebhookDelivery",
    "editor_schema",
    "merge_patch",
    "parse_report",
    "query_errors",
]
