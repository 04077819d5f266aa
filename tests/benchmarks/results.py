"""What a benchmark found, as it is kept in results.json and shown in docs/."""

from __future__ import annotations

from pydantic import BaseModel


class Stage(BaseModel):
    """One stage of something longer, in wall and CPU seconds; `parts` are named pieces of it, not necessarily all."""

    name: str
    seconds: float
    cpu_seconds: float
    parts: list[Stage] = []


class Cost(BaseModel):
    """What one command cost: wall and CPU seconds (its children's included), peak memory of all its processes, and its stages."""

    seconds: float
    cpu_seconds: float
    peak_bytes: int
    stages: list[Stage]

    def of(self, name: str) -> Stage:
        """The stage of that name; nothing where there was none, the sum where there were several."""
        named = [stage for stage in self.stages if stage.name == name]
        return Stage(
            name=name,
            seconds=sum(stage.seconds for stage in named),
            cpu_seconds=sum(stage.cpu_seconds for stage in named),
        )

    def without(self, name: str) -> Stage:
        """All but the stage of that name."""
        stage = self.of(name)
        return Stage(
            name=f"without {name}", seconds=self.seconds - stage.seconds, cpu_seconds=self.cpu_seconds - stage.cpu_seconds
        )


class Measurements(BaseModel):
    """Everything measured at one size. `yardsticks` and `nights` by name; `apart`: one first night step by step.

    lines, inbox_bytes: of the first night's inbox. agreed: what was compared with the script, and found equal.
    """

    events: int
    lines: int
    inbox_bytes: int
    yardsticks: dict[str, Cost] = {}
    nights: dict[str, Cost] = {}
    agreed: dict[str, list[str]] = {}
    apart: Stage | None = None


class KernelSpeed(BaseModel):
    """The kernel alone: what it was given, and what each call took."""

    usage_rows: int
    contracts: int
    grants: int
    calls: list[Stage]


class Machine(BaseModel):
    processor: str
    cores: int
    memory_bytes: int
    versions: dict[str, str]


class Results(BaseModel):
    """One benchmark: where it ran, what it was given, what it measured. load: average of runnable processes, before and after."""

    machine: Machine
    measured_on: str
    customers: int
    seed: int
    load: list[float]
    sizes: list[Measurements] = []
    kernel: KernelSpeed | None = None
