"""What is read off an event where that is no property of it (R-90 to R-97): steps, as JSON text, that dbt works out once.

A step rests on earlier ones (`args`); the last is the value. Beside those of a formula there are `quantity` (nine decimals, R-2),
`round_each` (R-91), `bands` (R-95), `prefixes` (R-96), `hours` (R-94), `event_name` (R-97). Two meters that ask for the same have the
same text, and it is worked out for both.

What belongs here: steps of what meters state, and the tables of prefixes beside the books. What does not: the grammar of formulas.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

from rating.books.contract_files import ContractFiles
from rating.books.flat_files import read_csv
from rating.books.folder import Folder
from rating.books.formulas import Step, steps_of
from rating.books.models import GroupKey, Hours, Measured, Meter
from rating.books.problems import Problem, listed
from rating.books.source_locations import SourceLocation

EVENT_NAME, CUSTOMER = "$event_name", "$customer"  # what a group key may be of, beside properties
CONTRACT = "contract"
PREFIX_COLUMNS = ["prefix", "value"]


def quantity_property(meter: Meter) -> str | None:
    """What a meter's quantity is read from: the property, or steps; None where it reads none."""
    measured, each = meter.aggregation_key, meter.round_each
    if measured is None or (measured.formula is None and each is None):
        return None if measured is None else measured.property
    steps = _steps(measured)
    steps.append({"op": "quantity", "args": [len(steps) - 1]})
    if each is not None:
        limits = {name: f"{value:f}" for name, value in each if value is not None}
        steps.append({"op": "round_each", "args": [len(steps) - 1], **limits})
    return _text(steps)


def group_properties(meter: Meter, contract_files: ContractFiles) -> list[str]:
    """What each group key of a meter is read from: the property of its name, or steps."""
    place = contract_files.meters.stated[meter.code].place
    return [
        _group_property(key, place.at("group_keys", position), contract_files) for position, key in enumerate(meter.group_keys)
    ]


def _group_property(key: GroupKey, place: SourceLocation, contract_files: ContractFiles) -> str:
    if key.hours is not None:
        return _text([_hours_step(key.hours, contract_files)])
    if key.of is None:
        return key.name
    if str(key.of) == EVENT_NAME:
        return _text([{"op": "event_name"}])
    if str(key.of) == CUSTOMER:
        return _text([{"op": "customer"}])  # known once the event has its contract: dbt fills it in with the usage
    if key.bands is not None:
        steps = _steps(key.of)
        bands = [[None if band.at_most is None else f"{band.at_most:f}", band.value] for band in key.bands]
        return _text([*steps, {"op": "bands", "args": [len(steps) - 1], "bands": bands}])
    digest = _digest(contract_files.prefixes[place])
    return _text([{"op": "text", "name": key.of.property}, {"op": "prefixes", "args": [0], "digest": digest}])


def _hours_step(hours: Hours, contract_files: ContractFiles) -> Step:
    """In the zone of the contract, the value in each zone that contracts lie in: dbt takes the contract's once the event has it."""
    zones = [hours.zone] if hours.zone != CONTRACT else sorted(contract_zones(contract_files))
    ranges = [{"value": one.value, "days": one.days, "from": one.begins, "to": one.to} for one in hours.ranges]
    return {"op": "hours", "zones": zones, "ranges": ranges, "otherwise": hours.otherwise}


def contract_zones(contract_files: ContractFiles) -> set[str]:
    """The time zones of approved contracts; the settings' where there is none."""
    zones = {contract_files.zone(one.terms) for one in contract_files.contracts.values() if one.terms.status == "approved"}
    return zones or {contract_files.settings.timezone}


def _steps(measured: Measured) -> list[Step]:
    return steps_of(measured.formula) if measured.formula is not None else [{"op": "property", "name": measured.property}]


def _text(steps: list[Step]) -> str:
    return json.dumps(steps, ensure_ascii=False, separators=(",", ":"))


# --- tables of prefixes ---------------------------------------------------------------------------------------------------------


def read_prefixes(contract_files: ContractFiles, folder: Folder) -> list[Problem]:
    """Read the tables that group keys are looked up in into `contract_files.prefixes`; what is wrong with them (R-96)."""
    problems: list[Problem] = []
    for meter in contract_files.meters.values():
        for position, key in enumerate(meter.terms.group_keys):
            if key.prefixes is not None:
                place = meter.place.at("group_keys", position)
                contract_files.prefixes[place], found = _table(key.prefixes, place.at("prefixes"), folder)
                problems += found
    return problems


def _table(name: str, at: SourceLocation, folder: Folder) -> tuple[dict[str, str], list[Problem]]:
    file = folder.beside(at.document.file, name)
    if file is None or not file.lower().endswith(".csv") or not folder.holds(file):
        return {}, [
            at.problem(f"there is no CSV file `{name}` in the books", "Write a path beside this file, such as prefixes.csv")
        ]
    text = folder.text(file)
    cells, problems = (None, []) if text is None else read_csv(file, text)
    if cells is None:
        return {}, problems
    if cells.header != PREFIX_COLUMNS:
        what = f"its columns are {listed(cells.header)}"
        return {}, [*problems, Problem(file, 1, "", what, "Have two, prefix and value")]
    found: dict[str, str] = {}
    for (prefix, value), line in zip(cells.rows, cells.lines, strict=True):
        if not prefix or not value:
            problems.append(Problem(file, line, "", "a prefix or its value is empty", "Fill both, or take the row out"))
        elif found.setdefault(prefix, value) != value:
            problems.append(Problem(file, line, "", f"prefix `{prefix}` has two values", "Keep one of them"))
    return found, problems


def prefix_rows(contract_files: ContractFiles) -> Iterator[dict[str, Any]]:
    """Rows of PREFIXES, every table once."""
    for digest, table in sorted({_digest(table): table for table in contract_files.prefixes.values()}.items()):
        for prefix, value in table.items():
            yield {"digest": digest, "prefix": prefix, "value": value}


def _digest(table: dict[str, str]) -> str:
    return hashlib.sha256(json.dumps(sorted(table.items())).encode()).hexdigest()[:16]
