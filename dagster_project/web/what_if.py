"""What-if beside the door: a simulation in a process of its own, one at a time, with progress (R-86)."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from dagster_project.deals.files import Change
from dagster_project.errors import UserError
from dagster_project.warehouse.paths import Warehouse


@dataclass(slots=True)
class Job:
    """A question, and what came of it so far."""

    proposal: str
    first: str
    last: str
    is_running: bool = True
    progress: str = "Beginning"
    failed: list[str] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)


class WhatIf:
    """Asks one question at a time."""

    def __init__(self, books: Path, warehouse: Warehouse) -> None:
        self._books, self._warehouse = books, warehouse
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self.job: Job | None = None

    def ask(self, proposal: str, change: Change, first: str, last: str) -> None:
        """Begin. Raises `UserError` while another question is worked on."""
        with self._lock:
            if self.job is not None and self.job.is_running:
                raise UserError(f"{self.job.proposal} is being worked on: ask again when it is done.")
            self.job = Job(proposal, first, last)
        threading.Thread(target=self._work, args=(self.job, change), name="what-if", daemon=True).start()

    def stop(self) -> None:
        """End the process, if there is one."""
        if self._process is not None:
            self._process.kill()

    def _work(self, job: Job, change: Change) -> None:
        try:
            with tempfile.TemporaryDirectory(prefix="meterhouse-") as folder:
                self._simulate(job, change, Path(folder))
        except Exception as error:
            job.failed = [str(error) or type(error).__name__]
        finally:
            job.is_running = False

    def _simulate(self, job: Job, change: Change, folder: Path) -> None:
        books, out = folder / "books", folder / "out"
        shutil.copytree(self._books, books, ignore=shutil.ignore_patterns(".*"))
        for name, content in change.files.items():
            (books / name).parent.mkdir(parents=True, exist_ok=True)
            (books / name).write_bytes(content)
        places = ["--books", str(books), "--against", str(self._books), "--warehouse", str(self._warehouse.root)]
        months = ["--from", job.first, "--to", job.last, "--out", str(out)]
        self._process = subprocess.Popen(  # noqa: S603 - this program, arguments of our own
            [sys.executable, "-m", "dagster_project", "simulate", *places, *months],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        said = []
        assert self._process.stderr is not None
        for line in self._process.stderr:
            said.append(line.strip())
            job.progress = line.strip().partition(" s  ")[2] or job.progress
        if self._process.wait() != 0:
            job.failed = [line for line in said if line and " s  " not in line] or ["It was ended."]
            return
        rows = pl.read_csv(out / "by_customer.csv", infer_schema_length=0)
        money = [name for name in rows.columns if name.startswith("total_")]
        job.rows = list(rows.with_columns(pl.col(money).cast(pl.Decimal(38, 4))).iter_rows(named=True))
