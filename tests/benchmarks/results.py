"""What a benchmark found, as it is kept in results.json and shown in docs/."""

from __future__ import annotations

from pydantic import BaseModel


class Stage(BaseModel):
    """One stage of something longer; `parts` are named pieces of it, not necessarily all."""

    name: str
    seconds: float
    parts: list[Stage] = []


class Cost(BaseModel):
    """What one command cost: wall and CPU seconds (its children's included), the largest process in memory, and its stages."""

    seconds: float
    cpu_seconds: float
    peak_bytes: int
    stages: list[Stage] = []

    def seconds_of(self, name: str) -> float:
        return sum(stage.seconds for stage in self.stages if stage.name == name)


class Measurements(BaseModel):
    """Everything measured at one size. `yardsticks` and `runs` by name, `apart` one run step by step in a single process."""

    events: int
    lines: int
    inbox_bytes: int
    yardsticks: dict[str, Cost] = {}
    runs: dict[str, Cost] = {}
    apart: list[Stage] = []
    agreed: list[str] = []


class KernelSpeed(BaseModel):
    """The kernel alone: rows of usage, contracts and grants it was given, and the seconds of each call."""

    usage_rows: int
    contracts: int
    grants: int
    seconds: dict[str, float]


class Machine(BaseModel):
    processor: str
    cores: int
    memory_bytes: int
    versions: dict[str, str]
    load_before: float
    load_after: float = 0.0


class Results(BaseModel):
    """One benchmark: where it ran, what it was given, what it measured, smallest size first."""

    machine: Machine
    measured_on: str
    customers: int
    seed: int
    sizes: list[Measurements] = []
    kernel: KernelSpeed | None = None
