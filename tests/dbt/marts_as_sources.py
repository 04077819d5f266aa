"""The published marts as sources of another dbt project, made of what their models say.

python -m tests.dbt.marts_as_sources > docs/examples/analytics/models/sources.yml
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import yaml

from dagster_project.warehouse.dbt_runner import DbtHouse

HEAD = """\
# The published marts of Meterhouse: copy this file into your project.
# Made by `python -m tests.dbt.marts_as_sources`; a test compares it with the models.
"""


def sources(manifest: Mapping[str, Any]) -> str:
    """sources.yml: every mart with its columns, their types and meaning."""
    marts = sorted(
        (node for node in manifest["nodes"].values() if node["resource_type"] == "model" and node["schema"] == "marts"),
        key=lambda node: str(node["name"]),
    )
    tables = [
        {
            "name": node["name"],
            "description": node["description"],
            "columns": [
                {name: column[name] for name in ("name", "data_type", "description")} for column in node["columns"].values()
            ],
        }
        for node in marts
    ]
    told = {
        "version": 2,
        "sources": [
            {
                "name": "meterhouse",
                "description": "What Meterhouse publishes, replaced whole by every run.",
                "database": "meterhouse",
                "schema": "marts",
                "tables": tables,
            }
        ],
    }
    return HEAD + yaml.safe_dump(told, sort_keys=False, allow_unicode=True, width=10_000)


if __name__ == "__main__":
    print(sources(json.loads(DbtHouse.manifest_path().read_text())), end="")  # noqa: T201 - it is what this is for
