"""kill -9 at any instant: the next run leaves what the undisturbed night leaves, row by row and byte by byte."""

from __future__ import annotations

import contextlib
import itertools
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.faults.conftest import LAST, Disturbed, Undisturbed
from tests.faults.nursery import REPOSITORY

A_FEW, MANY = 2, 120
# what counts from then on; what is issued but not yet to be seen
DANGEROUS = (
    "rename issued/000003",
    "rename meterhouse.duckdb",
)
STEPS = [
    f"dagster_project.{name}"
    for name in (
        "pipeline.steps:lay_books",
        "pipeline.steps:land",
        "pipeline.steps:show_landed",
        "pipeline.steps:lay_schedule",
        "warehouse.dbt_runner:DbtHouse.build",
        "warehouse.dbt_build_cache:build",
        "pipeline.steps:write_usage",
        "pipeline.steps:rate_usage",
        "pipeline.steps:write_documents",
        "warehouse.issued:issue",
        "pipeline.pending:remember",
        "pipeline.steps:issue",
        "pipeline.marts:publish",
    )
]


def killed_at_random(disturbed: Disturbed, folder: Path, chance: random.Random) -> Disturbed:
    """A house whose night was killed at an instant drawn evenly; one that ends before it is killed is none, and lived in vain."""
    seconds = disturbed.undisturbed.seconds
    for attempt in itertools.count():
        own = disturbed.again(folder / f"attempt-{attempt}")
        if own.night(kill_after=chance.uniform(0, seconds)).was_killed:
            return own
        seconds *= 0.9
    raise AssertionError


@pytest.mark.parametrize("seed", range(A_FEW))
def test_killed_at_random(disturbed: Disturbed, tmp_path: Path, seed: int) -> None:
    killed_at_random(disturbed, tmp_path, random.Random(seed)).heals()


@pytest.mark.full
@pytest.mark.parametrize("seed", range(A_FEW, MANY))
def test_killed_at_random_many_times(disturbed: Disturbed, tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    own = killed_at_random(disturbed, tmp_path / "first", chance)
    if seed % 5 == 0:
        own = killed_at_random(own, tmp_path / "second", chance)
    own.heals()


@pytest.mark.parametrize("change", [pytest.param(DANGEROUS[0], marks=pytest.mark.full), DANGEROUS[1]])
def test_killed_before_a_rename(disturbed: Disturbed, change: str) -> None:
    number = disturbed.undisturbed.changes.index(change) + 1
    assert disturbed.night(["killed_at_change", str(disturbed.house.warehouse.root), number]).was_killed
    disturbed.heals()


@pytest.mark.full
def test_killed_before_every_change(disturbed: Disturbed, tmp_path: Path) -> None:
    """So also after every change, but the last."""
    left = []
    for number in points(disturbed.undisturbed):
        own = disturbed.again(tmp_path / f"change-{number}")
        assert own.night(["killed_at_change", str(own.house.warehouse.root), number]).was_killed
        ended = own.night()
        if ended.code or own.differences():
            left.append((disturbed.undisturbed.changes[number - 1], ended.said))
    assert left == []


def points(undisturbed: Undisturbed) -> list[int]:
    """The numbers of the changes; of several alike in a row the first."""
    changes = undisturbed.changes
    return [number for number, change in enumerate(changes, 1) if number == 1 or change != changes[number - 2]]


@pytest.mark.full
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("way", ["killed_before", "killed_after"])
def test_killed_around_a_step(disturbed: Disturbed, way: str, step: str) -> None:
    assert disturbed.night([way, step]).was_killed
    disturbed.heals()


def test_the_command_itself_killed_leaves_nobody_behind(disturbed: Disturbed) -> None:
    """The process alone is killed, as the kernel does where memory is short: the one of Great Expectations ends by itself."""
    command = [sys.executable, "-m", "dagster_project", *map(str, disturbed.house.night(LAST))]
    run = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    worker = None
    while worker is None:
        assert run.poll() is None
        time.sleep(0.05)
        worker = next((child for child in children(run.pid) if b"expectations.server" in command_of(child)), None)
    time.sleep(random.Random(7).uniform(0, 2))
    run.send_signal(signal.SIGKILL)
    run.wait()
    until = time.monotonic() + 5
    while command_of(worker) and time.monotonic() < until:
        time.sleep(0.05)
    assert b"expectations.server" not in command_of(worker)
    disturbed.heals()


def children(pid: int) -> list[int]:
    """Processes that any of its threads has started."""
    tasks = Path(f"/proc/{pid}/task")
    found: list[int] = []
    for task in tasks.iterdir():
        # a thread may end while it is looked at; its children then stand under another, where the next look finds them
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            found += map(int, (task / "children").read_text().split())
    return found


def command_of(pid: int) -> bytes:
    """Its command line; empty where it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


@pytest.mark.full
def test_two_runs_at_once(disturbed: Disturbed, tmp_path: Path) -> None:
    go_on = tmp_path / "go on"
    first = disturbed.nursery.start(
        *disturbed.house.night(LAST), fault=["waiting_in", "dagster_project.pipeline.steps:usage", str(go_on)]
    )
    while not go_on.with_name(f"{go_on.name}.waits").exists():
        time.sleep(0.02)
    disturbed.is_refused(disturbed.night(), "another run is at work in this warehouse")
    go_on.touch()
    assert first.ended().code == 0
    assert disturbed.differences() == []


@pytest.mark.full
@pytest.mark.parametrize("name", ["dagster_project.pipeline.steps:usage", "dbt.task.run:ModelRunner.execute"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted(disturbed: Disturbed, name: str, number: int) -> None:
    disturbed.is_refused(disturbed.night(["interrupted_in", name, number]), "Interrupted. Run again", code=130)
    disturbed.heals()
