"""One set of models for every engine: what only one engine speaks lives in dbt/macros/dialect, the engines' words beside each other.

Some of what is forbidden here is not refused by another engine but means something else there: a word in double quotes is a text, a
list is counted from 0, `rtrim` takes its arguments the other way round.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from dagster_project.warehouse.dbt_runner import project_folder

DIALECT = "macros/dialect"
ENGINES = ("duckdb", "spark")

FORBIDDEN = {
    r"::": "cast(… as …)",
    r"\bvarchar\b": "string, which is a type everywhere",
    r"\bhugeint\b": "whole_type()",
    r"\* (exclude|except|replace)\b": "all_but()",
    r"\bby name\b": "columns by name",
    r"\bfilter \((?!where)": "filter (where …)",
    r"\b(strftime|date_format|datetrunc|date_trunc)\b": "month_name(), month_of()",
    r"\b(epoch_us|isodow|timezone|hour_of|generate_series)\s*\(": "dialect/moments.sql",
    r"\b(unnest|explode)\b": "each_of(), each_up_to()",
    r"\b(list|list_(?!literal|of)[a-z]+|array_[a-z]+|string_split)\s*\(": "dialect/lists.sql",
    r"\blambda\b|->": "mapped()",
    r"\b(to_json|from_json|json_[a-z]+_?extract[a-z_]*|json_keys|json_extract)\s*\(": "dialect/json.sql",
    r"(?<!\.)\b(regexp_[a-z_]+|rlike|starts_with|startswith)\s*\(": "dialect/texts.sql",
    r"\b(l|r)trim\s*\(": "trim(leading … from …)",
    r"\b(hash|xxhash64)\s*\(": "key_hash()",
    r"\b(arg_max|arg_min)\s*\(": "max_by, min_by",
    r"\b(qualify|pivot|asof)\b": "a window and a where",
    r"\bgroup by all\b|\border by all\b|\busing \(": "columns by name",
    r"(?<![:/])//(?!/)": "quotient()",
    r"\b(try|try_add|try_divide|try_multiply)\s*\(": "tried()",
    r"\binterval '": "interval 1 month",
    r"\btrunc\s*\(": "% 1 = 0",
}
# in models, where there is no Jinja around it
FORBIDDEN_IN_MODELS = {
    r'"': "a name that needs no quotes",
    r"\w\[": "element()",
    r"(?<=[\s(])\[": "list_literal()",
    r"\{'": "columns of their own",
    r"\\": "a pattern without backslashes",
}
JINJA = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
COMMENT = re.compile(r"\{#.*?#\}|--[^\n]*", re.DOTALL)
LITERAL = re.compile(r"'[^'\n]*'")
DEFINED = re.compile(r"\{% macro (\w+)\(")


def _files(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (project_folder() / folder).rglob("*.sql"))


def _breaches(text: str, rules: dict[str, str]) -> Iterator[str]:
    for pattern, instead in rules.items():
        for match in re.finditer(pattern, text):
            line = text[: match.start()].count("\n") + 1
            yield f"{line}: {match[0].strip()!r}; write {instead}"


def _name(path: Path) -> str:
    return path.relative_to(project_folder()).as_posix()


def _blank(found: re.Match[str]) -> str:
    return re.sub(r"[^\n]", " ", found[0])


@pytest.mark.parametrize(
    "path", [path for path in _files("models", "tests", "macros") if DIALECT not in path.as_posix()], ids=_name
)
def test_what_only_one_engine_speaks_is_in_the_dialect(path: Path) -> None:
    text = COMMENT.sub(_blank, path.read_text())
    assert not list(_breaches(text, FORBIDDEN))


@pytest.mark.parametrize("path", _files("models"), ids=_name)
def test_models_hold_no_engines_names_and_literals(path: Path) -> None:
    text = JINJA.sub(_blank, COMMENT.sub(_blank, path.read_text()))
    assert not list(_breaches(LITERAL.sub(_blank, text), FORBIDDEN_IN_MODELS))


def test_the_sql_inside_jinja_subscripts_no_list() -> None:
    held = {
        _name(path): found
        for path in _files("models", "macros")
        if DIALECT not in path.as_posix()
        for found in re.findall(r"\[['\"] ~|\w\[\d+\]['\"]", COMMENT.sub(_blank, path.read_text()))
    }
    assert not held, "element() counts alike on every engine"


@pytest.mark.parametrize("path", _files(DIALECT), ids=_name)
def test_each_word_of_the_dialect_is_spoken_by_every_engine(path: Path) -> None:
    text = path.read_text()
    defined = set(DEFINED.findall(text))
    asked = set(re.findall(r"adapter\.dispatch\('(\w+)'\)", text))
    # which dbt asks for, and has for every other engine
    defined -= {"duckdb__persist_docs", "spark__get_empty_schema_sql", "spark__location_clause"}
    missing = [
        f"{engine}__{name}"
        for name in asked
        for engine in ENGINES
        if f"default__{name}" not in defined and f"{engine}__{name}" not in defined
    ]
    assert not missing
    assert not [name for name in defined if name.split("__")[0] in {*ENGINES, "default"} and name.split("__")[1] not in asked]


def test_the_engine_is_asked_for_in_the_dialect_alone() -> None:
    """A type of target would leave out whoever speaks the same words under another name, as Databricks does."""
    asking = re.compile(r"adapter\.dispatch|target\.type")
    spoken = {_name(path) for path in _files("models", "macros", "tests") if asking.search(path.read_text())}
    assert all(name.startswith(DIALECT) for name in spoken), spoken
