"""Changes of the books by hand, proposed by a form or by API: an item more in a file of its section (R-70, R-81)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from ruamel.yaml.comments import CommentedMap, CommentedSeq

from dagster_project.deals import proposals
from dagster_project.deals.desk import Desk
from dagster_project.deals.files import CannotWrite, Change, content_of, contract_edited, dumped, round_trip, safe_name, written
from dagster_project.errors import UserError
from rating.books import BooksError
from rating.books.folder import YAML_ENDINGS, Folder

SECTIONS = ("meters", "rate_cards", "pricings", "plans", "customers", "contracts", "credit_grants")
APART = ("contracts", "credit_grants")  # each in a file of its own


def propose(
    desk: Desk, section: str, item: Mapping[str, Any], by: str, because: str, at: datetime, *, keeps: bool = True
) -> str:
    """A proposal to add an item to the books; its id. keeps: False only checks. Raises `UserError` with all that `check` says of it."""
    if section not in SECTIONS:
        raise UserError(f"{section} is no section that items can be added to.")
    change = added(desk.folder, section, item)
    _require_sound(desk, change)
    name = f"{section}: {item.get('code') or item.get('id') or 'an item'}"
    return _noted(desk, change, name, by, because, at) if keeps else ""


def propose_in_contract(
    desk: Desk, contract: str, key: str, value: Any, by: str, because: str, at: datetime, *, keeps: bool = True
) -> str:
    """A proposal to change a contract of the folder: one more of `rate_overrides` or `amendments`, or another `end_date`."""
    books = desk.books()

    def edit(_: CommentedMap, item: CommentedMap) -> None:
        if key in ("rate_overrides", "amendments"):
            item.setdefault(key, CommentedSeq()).append(CommentedMap(value))
        else:
            item[key] = value

    try:
        change = contract_edited(desk.folder, books, contract, edit)
    except CannotWrite as error:
        raise UserError(str(error)) from None
    _require_sound(desk, change)
    return _noted(desk, change, f"{contract}: {key.replace('_', ' ')}", by, because, at) if keeps else ""


def added(folder: Path, section: str, item: Mapping[str, Any]) -> Change:
    """The file of a section with an item more; a file of its own where none has the section yet."""
    for name in [] if section in APART else Folder(folder).files():
        if not name.lower().endswith(YAML_ENDINGS) or (content := content_of(folder, name)) is None:
            continue
        text = content.decode("utf-8", "replace")
        if not _may_have(text, section):
            continue
        yaml = round_trip(text)
        tree = yaml.load(text)
        if isinstance(tree, CommentedMap) and isinstance(tree.get(section), CommentedSeq):
            tree[section].append(CommentedMap(item))
            return Change({name: dumped(yaml, tree)}, {name: hashlib.sha256(content).hexdigest()})
    code = str(item.get("code") or item.get("id") or section)
    name = f"{section}/{safe_name(code)}.yml" if section in APART else f"{section}.yml"
    return Change({name: written({section: [dict(item)]})}, {name: None})


def _may_have(text: str, section: str) -> bool:
    """Whether a file can have a section: a large one takes long to take apart with its comments."""
    return re.search(rf"^(?:{{|---|['\"]?{section}['\"]?[ \t]*:)", text, re.MULTILINE) is not None


def _require_sound(desk: Desk, change: Change) -> None:
    try:
        desk.books_with(change.files)
    except BooksError as error:
        raise UserError(*(str(problem) for problem in error.problems)) from None


def _noted(desk: Desk, change: Change, name: str, by: str, because: str, at: datetime) -> str:
    if not because.strip():
        raise UserError("Say why.")
    known = desk.every()
    number = 1 + sum(one.startswith("change-") for one in known)
    files = {file: content.decode() for file, content in change.files.items()}
    said = {"name": name, "files": files, "before": dict(change.before), "because": because}
    proposals.note(desk.register, "proposed", f"change-{number}", by, at, said)
    return f"change-{number}"
