"""A draft as a change of the books: whole files, those that are there edited in place with their comments kept (R-75)."""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from dagster_project.deals.drafting import GRANT_KEYS, Draft
from rating.books import Books
from rating.books.folder import YAML_ENDINGS

CUSTOMER_TERMS = {"customer_name": "name", "legal_name": "legal_name", "billing_address": "billing_address"}
CONTRACT_TERMS = (
    "plan",
    "start_date",
    "end_date",
    "timezone",
    "billing_anchor",
    "billing",
    "net_terms",
    "base_fee",
    "minimum_spend",
    "maximum_spend",
)
AMENDED = ("plan", "base_fee", "billing", "net_terms", "minimum_spend", "maximum_spend")
HEAD = "# deal: "


@dataclass(frozen=True, slots=True)
class Change:
    """Files as they will be, by path below the books; before: SHA-256 of what they are now, None where there is none yet."""

    files: Mapping[str, bytes]
    before: Mapping[str, str | None]

    def stands_in(self, folder: Path) -> bool:
        """Whether every file is as it will be, its head comment apart."""
        return all(without_head(content_of(folder, name) or b"") == content for name, content in self.files.items())

    def is_on(self, folder: Path) -> bool:
        """Whether every file is still what the change was made of."""
        return all(hash_of(folder, name) == before for name, before in self.before.items())


class CannotWrite(Exception):
    """The change cannot be written; the sentence says why."""


def change_of(draft: Draft, folder: Path, books: Books) -> Change:
    """The files of a draft. Raises `CannotWrite`."""
    if draft.kind == "new" or (draft.kind == "renewal" and draft.value("renewal") == "follow"):
        return _new_file(draft, folder, books)
    return _edited_file(draft, folder, books)


def _new_file(draft: Draft, folder: Path, books: Books) -> Change:
    name = f"contracts/{safe_name(draft.contract)}.yml"
    if content_of(folder, name) is not None:
        raise CannotWrite(f"{name} is there already: name another contract, or take the file away.")
    tree: dict[str, Any] = {}
    if draft.customer not in books.customers.get_column("customer_id").to_list():
        said = {key: draft.value(term) for term, key in CUSTOMER_TERMS.items()}
        tree["customers"] = [{"id": draft.customer, **{key: value for key, value in said.items() if value is not None}}]
    terms = {term: draft.value(term) for term in CONTRACT_TERMS}
    contract = {"id": draft.contract, "customer": draft.customer, "status": "approved"}
    contract |= {term: _scalar(term, value) for term, value in terms.items() if value is not None}
    tree["contracts"] = [contract | _overrides(draft)]
    if grants := _grants(draft):
        tree["credit_grants"] = grants
    return Change({name: written(tree)}, {name: None})


def _edited_file(draft: Draft, folder: Path, books: Books) -> Change:
    amended = {
        term: _scalar(term, value)
        for term in AMENDED
        if (value := draft.value(term)) is not None and not _is_so(books, draft, term, value)
    }
    amendment = amended | _overrides(draft)

    def edit(tree: CommentedMap, item: CommentedMap) -> None:
        if draft.kind == "renewal" and draft.value("end_date") is not None:
            _set(item, "end_date", _scalar("end_date", str(draft.value("end_date"))))
        if amendment:
            amendments = item.setdefault("amendments", CommentedSeq())
            day = _scalar("effective_date", str(draft.value("start_date")))
            amendments.append(CommentedMap({"effective_date": day, **amendment}))
        if grants := _grants(draft):
            tree.setdefault("credit_grants", CommentedSeq()).extend(CommentedMap(grant) for grant in grants)

    return contract_edited(folder, books, draft.contract, edit)


def contract_edited(folder: Path, books: Books, contract: str, edit: Callable[[CommentedMap, CommentedMap], None]) -> Change:
    """The file that a contract stands in, edited in place; edit is given its tree and the contract in it. Raises `CannotWrite`."""
    places = books.contracts.filter(pl.col("contract_id") == contract).get_column("place").to_list()
    if not places:
        raise CannotWrite(f"The books have no contract {contract}.")
    name = file_of(places[0])
    content = content_of(folder, name)
    if content is None or not name.lower().endswith(YAML_ENDINGS):
        raise CannotWrite(f"{contract} stands in {name}, which is edited by hand only.")
    text = content.decode()
    yaml = round_trip(text)
    tree = yaml.load(text)
    edit(tree, next(one for one in tree["contracts"] if str(one.get("id")) == contract))
    return Change({name: dumped(yaml, tree)}, {name: hashlib.sha256(content).hexdigest()})


def file_of(place: str) -> str:
    """The file of a place in the books."""
    return re.split(r"[: ]", place, maxsplit=1)[0]


def dumped(yaml: YAML, tree: Any) -> bytes:
    """A tree as the bytes of a file."""
    found = io.BytesIO()
    yaml.dump(tree, found)
    return found.getvalue()


_DAYS = ("start_date", "end_date", "effective_date", "effective_from", "effective_at", "expires_at")
_AMOUNTS = ("base_fee", "minimum_spend", "maximum_spend", "rate", "amount", "price")


def _scalar(key: str, value: str) -> Any:
    """A value as people write it: days and numbers of days plain, prices quoted and with their cents."""
    if key in _DAYS:
        return date.fromisoformat(value)
    if key == "net_terms":
        return int(value)
    if key in _AMOUNTS:
        return DoubleQuotedScalarString(with_cents(value))
    return value


def with_cents(value: str) -> str:
    """A plain number with two decimals at least."""
    whole, _, decimals = value.partition(".")
    return f"{whole}.{decimals.ljust(2, '0')}"


def _set(item: CommentedMap, key: str, value: Any) -> None:
    if key in item:
        item[key] = value
    else:
        item.insert(list(item).index("start_date") + 1 if "start_date" in item else len(item), key, value)


def _is_so(books: Books, draft: Draft, term: str, value: str) -> bool:
    """Whether the contract's terms on the day say so already."""
    day = draft.value("start_date") or ""
    rows = books.contract_terms.filter(
        pl.col("contract_id") == draft.contract, pl.col("effective_date").cast(pl.String) <= day
    ).sort("effective_date")
    if rows.is_empty():
        return False
    row = rows.row(-1, named=True)
    held = row["plan_code"] if term == "plan" else row.get(term)
    if term == "billing":
        held = "in_advance" if row["base_fee_in_advance"] else "in_arrears"
    if held is None:
        return False
    return str(held) == value if isinstance(held, str) else bool(held == type(held)(value))


def _overrides(draft: Draft) -> dict[str, Any]:
    found = []
    for term in draft.terms:
        if not term.name.startswith("rate_override:"):
            continue
        meter, _, pairs = term.name.removeprefix("rate_override:").partition(":")
        override: dict[str, Any] = {"meter": meter}
        if pairs:
            override["dimensions"] = dict(pair.split("=", 1) for pair in pairs.split(","))
        if draft.kind == "renewal":
            override["effective_from"] = _scalar("effective_from", str(draft.value("start_date")))
        found.append(override | {"rate": _scalar("rate", term.value)})
    return {"rate_overrides": found} if found else {}


def _grants(draft: Draft) -> list[dict[str, Any]]:
    by_id: dict[str, dict[str, Any]] = {}
    for term in draft.terms:
        if term.name.startswith("grant:"):
            grant_id, _, key = term.name.removeprefix("grant:").rpartition(".")
            by_id.setdefault(grant_id, {})[key] = _scalar(key, term.value)
    start = {} if draft.kind == "new" else {"effective_at": _scalar("effective_at", str(draft.value("start_date")))}
    return [
        {
            "id": grant_id,
            "contract": draft.contract,
            "kind": "prepaid" if "price" in said else "promotional",
            **start,
            **{key: said[key] for key in GRANT_KEYS if key in said},
        }
        for grant_id, said in sorted(by_id.items())
    ]


def written(tree: Mapping[str, Any]) -> bytes:
    """A new file."""
    yaml = YAML()
    yaml.width = 120
    return dumped(yaml, dict(tree))


def round_trip(text: str) -> YAML:
    """A writer that leaves a file as it is but for what is changed."""
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 4096
    if re.search(r"^ +- ", text, re.MULTILINE) and not re.search(r"^- ", text, re.MULTILINE):
        yaml.indent(mapping=2, sequence=4, offset=2)
    return yaml


# --- files of the books --------------------------------------------------------------------------------------------------------


def safe_name(name: str) -> str:
    """A file's name for an id: safe letters, and a hash where others were left out (never a path)."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip(".-")[:80]
    return plain if plain == name else f"{plain or 'contract'}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def content_of(folder: Path, name: str) -> bytes | None:
    try:
        return (folder / name).read_bytes()
    except OSError:
        return None


def hash_of(folder: Path, name: str) -> str | None:
    content = content_of(folder, name)
    return None if content is None else hashlib.sha256(content).hexdigest()


def with_head(content: bytes, said: str) -> bytes:
    """A file with the comment that says which deal it is of; a comment of an earlier deal stays below."""
    return f"{HEAD}{said}\n".encode() + content


def without_head(content: bytes) -> bytes:
    """A file without the comment of its last deal."""
    return content.partition(b"\n")[2] if content.startswith(HEAD.encode()) else content
