"""Asks the process that knows Great Expectations, and only where a frame has changed since the last verdict."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dagster_project.warehouse.files import remove, write_atomically
from dagster_project.warehouse.paths import Warehouse

SUITES = ("usage", "invoice_lines")


@dataclass(frozen=True, slots=True)
class ExpectationResult:
    """What one expectation found: how many values it did not expect, and a few of them."""

    says: str
    holds: bool
    unexpected: int
    examples: list[str]


@dataclass
class ExpectationClient:
    """The suites of one run. Not thread-safe; close it when the run ends."""

    warehouse: Warehouse
    _process: subprocess.Popen[str] | None = field(default=None, init=False)
    _writes_data_docs: bool = field(default=False, init=False)

    def warm_up(self) -> None:
        """Start the process now, so that its 8 s of imports pass while other steps work."""
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "dagster_project.checks.expectations.server"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )

    def examine(self, suite: str, parquet: Path, known: Mapping[str, list[str]]) -> list[ExpectationResult]:
        """The verdicts of a suite on the frame in a Parquet file; those of the last run where neither has changed."""
        fingerprint = _fingerprint(suite, parquet, known)
        remembered = self._remembered()
        if remembered.get(suite, {}).get("fingerprint") != fingerprint:
            answer = self._ask({"suite": suite, "parquet": str(parquet), "known": dict(known)})
            remembered[suite] = {"fingerprint": fingerprint, **answer}
            write_atomically(self._memory, json.dumps(remembered).encode())
        return [ExpectationResult(**verdict) for verdict in remembered[suite]["verdicts"]]

    def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        process.wait()

    def begin_data_docs(self) -> None:
        """Have the Data Docs written, while other steps work, if anything was examined in this run."""
        if self._process is not None and not self._writes_data_docs:
            self._send({"data_docs": str(self._data_docs)})
            self._writes_data_docs = True

    def publish_data_docs(self) -> None:
        """Put the Data Docs that were begun in the place that people read."""
        if self._writes_data_docs:
            self._data_docs_written()
            remove(self.warehouse.data_docs)
            self._data_docs.replace(self.warehouse.data_docs)

    def _data_docs_written(self) -> None:
        self._writes_data_docs = False
        self._answer()

    @property
    def _data_docs(self) -> Path:
        return self.warehouse.derived / "data_docs"

    @property
    def _memory(self) -> Path:
        return self.warehouse.derived / "verdicts.json"

    def _remembered(self) -> dict[str, Any]:
        """The last verdicts by suite; none where they are lost or damaged: then everything is examined again."""
        try:
            verdicts = json.loads(self._memory.read_bytes())
        except (OSError, ValueError):
            return {}
        return verdicts if isinstance(verdicts, dict) else {}

    def _ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        if self._writes_data_docs:  # answers come in the order of requests
            self._data_docs_written()
        self._send(request)
        return self._answer()

    def _send(self, request: Mapping[str, Any]) -> None:
        self.warm_up()
        process = self._process
        assert process is not None
        assert process.stdin is not None
        process.stdin.write(json.dumps(request) + "\n")
        process.stdin.flush()

    def _answer(self) -> dict[str, Any]:
        process = self._process
        assert process is not None
        assert process.stdout is not None
        answer = process.stdout.readline()
        if not answer:
            raise RuntimeError(
                f"Great Expectations ended with code {process.wait()}; "
                "run `python -m dagster_project.checks.expectations.server` to see why"
            )
        return json.loads(answer)  # type: ignore[no-any-return]


def _fingerprint(suite: str, parquet: Path, known: Mapping[str, list[str]]) -> str:
    rules = Path(__file__).with_name("server.py").read_bytes()
    return hashlib.sha256(
        b"\0".join([suite.encode(), rules, parquet.read_bytes(), json.dumps(known, sort_keys=True).encode()])
    ).hexdigest()
