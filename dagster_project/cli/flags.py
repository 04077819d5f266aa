"""Flags that commands of several files have. Every flag has an environment variable METERHOUSE_…."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dagster_project.settings import BOOKS, WAREHOUSE

BooksFlag = Annotated[Path, typer.Option("--books", envvar="METERHOUSE_BOOKS", help="Folder of contract data.")]
WarehouseFlag = Annotated[Path, typer.Option("--warehouse", envvar="METERHOUSE_WAREHOUSE", help="Folder of the warehouse.")]
RegisterFlag = Annotated[
    str | None,
    typer.Option("--register", envvar="METERHOUSE_REGISTER", help="The register; register.db in the warehouse where absent."),
]
SalesforceFlag = Annotated[
    str | None,
    typer.Option("--salesforce", envvar="METERHOUSE_SALESFORCE", help="Salesforce's tables: a folder, or file.duckdb#schema."),
]
PublishFlag = Annotated[
    str | None,
    typer.Option(
        "--publish",
        envvar="METERHOUSE_PUBLISH",
        help="How approved deals get into the books: files, commit (default in a git work tree) or branch.",
    ),
]

DEFAULT_BOOKS = Path(BOOKS)
DEFAULT_WAREHOUSE = Path(WAREHOUSE)
