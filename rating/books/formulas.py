"""Formulas over an event's numbers (R-90): their text to steps, each of which rests on earlier ones.

```
formula  = term { (+ | -) term }        term  = factor { * factor }
factor   = - factor | ( formula ) | number | property | function ( formula { , formula } )
```
What belongs here: the grammar, and what is wrong with a text. What does not: working it out, which dbt does where an event is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple

from rating.books.values import is_finer_than

Step = dict[str, Any]  # {"op": …, "args": [places of earlier steps], …}

FUNCTIONS = ("min", "max", "coalesce", "round_up", "round")
STEPS_MAX = 100
DEPTH_MAX = 50
NUMBER_DIGITS = 12  # decimals, as of a price
_TOKEN = re.compile(r"\s*(?:(?P<number>\d+(?:\.\d*)?|\.\d+)|(?P<word>[^\W\d][\w.$]*)|`(?P<quoted>[^`]+)`|(?P<sign>[-+*(),]))")


class FormulaError(Exception):
    """A text that is no formula. `what` names the place in the text, `fix` says what to write."""

    def __init__(self, what: str, fix: str) -> None:
        super().__init__(f"{what}. {fix}.")
        self.what, self.fix = what, fix


class _Token(NamedTuple):
    kind: str
    text: str
    place: int  # in the text, from 1


@dataclass(slots=True)
class _Parser:
    """Reads a formula from left to right; the same step is made once."""

    text: str
    tokens: list[_Token]
    at: int = 0
    depth: int = 0
    steps: list[Step] = field(default_factory=list)

    def step(self, op: str, *args: int, **more: str) -> int:
        made = {"op": op, **({"args": list(args)} if args else {}), **more}
        if made not in self.steps:
            if len(self.steps) == STEPS_MAX:
                raise FormulaError("the formula is too long", f"Write one of at most {STEPS_MAX} numbers and operations")
            self.steps.append(made)
        return self.steps.index(made)

    def formula(self) -> int:
        found = self.term()
        while self.sees("+", "-"):
            op = self.taken().text
            found = self.step("add" if op == "+" else "subtract", found, self.term())
        return found

    def term(self) -> int:
        found = self.factor()
        while self.sees("*"):
            self.taken()
            found = self.step("multiply", found, self.factor())
        return found

    def factor(self) -> int:
        self.depth += 1
        if self.depth > DEPTH_MAX:
            raise FormulaError("the formula nests too deep", f"Write one with at most {DEPTH_MAX} brackets within each other")
        found = self.value()
        self.depth -= 1
        return found

    def value(self) -> int:
        token = self.taken()
        if token.kind == "number":
            return self.number(token)
        if token.kind == "quoted":
            return self.step("property", name=token.text)
        if token.kind == "word":
            return self.call(token) if self.sees("(") else self.step("property", name=token.text)
        if token.text == "-":
            return self.step("negate", self.factor())
        if token.text == "(":
            found = self.formula()
            self.expect(")")
            return found
        raise self.value_error(token, "Write a number, a property, a function or a bracket there")

    def number(self, token: _Token) -> int:
        if is_finer_than(Decimal(token.text), NUMBER_DIGITS):
            raise self.value_error(token, f"A number keeps {NUMBER_DIGITS} decimals; write it with {NUMBER_DIGITS} or fewer")
        return self.step("number", value=f"{Decimal(token.text):f}")

    def call(self, token: _Token) -> int:
        if token.text not in FUNCTIONS:
            fix = f"The functions are {', '.join(FUNCTIONS)}"
            raise FormulaError(f"`{token.text}` at {token.place} of `{self.text}` is no function that is known", fix)
        self.expect("(")
        args = [self.formula()]
        while self.sees(","):
            self.taken()
            args.append(self.formula())
        self.expect(")")
        if token.text in ("round", "round_up"):
            step = self.steps[args[1]] if len(args) == 2 else {"op": None}
            if step["op"] != "number" or not Decimal(step["value"]):
                fix = f"Write `{token.text}(…, step)` with a number above 0, such as `{token.text}(seconds, 60)`"
                raise FormulaError(f"`{token.text}` at {token.place} of `{self.text}` has no step", fix)
            return self.step(token.text, *args)
        if len(args) < 2:
            fix = f"Write `{token.text}(a, b)`, with two values or more"
            raise FormulaError(f"`{token.text}` at {token.place} of `{self.text}` has one value", fix)
        found = args[0]
        for other in args[1:]:
            found = self.step(token.text, found, other)
        return found

    def sees(self, *signs: str) -> bool:
        return self.at < len(self.tokens) and self.tokens[self.at].kind == "sign" and self.tokens[self.at].text in signs

    def taken(self) -> _Token:
        if self.at == len(self.tokens):
            raise FormulaError(
                f"`{self.text}` ends where something should follow", "Write the rest of it, or take the last sign out"
            )
        self.at += 1
        return self.tokens[self.at - 1]

    def expect(self, sign: str) -> None:
        if not self.sees(sign):
            if self.at == len(self.tokens):
                raise FormulaError(f"`{self.text}` ends where `{sign}` should stand", "Close every bracket")
            raise self.value_error(self.tokens[self.at], f"Write `{sign}` there, or an operation")
        self.at += 1

    def value_error(self, token: _Token, fix: str) -> FormulaError:
        return FormulaError(f"`{token.text}` at {token.place} of `{self.text}` cannot stand there", fix)


def steps_of(text: str) -> list[Step]:
    """The steps that work a formula out, the last of which is its value. Raises `FormulaError`."""
    parser = _Parser(text, [*_tokens(text)])
    parser.formula()
    if parser.at < len(parser.tokens):
        raise parser.value_error(parser.tokens[parser.at], "Write an operation before it, or take it out")
    if not any(step["op"] == "property" for step in parser.steps):
        raise FormulaError(f"`{text}` looks at no property", "Name one, or use `aggregation: count`")
    return parser.steps


def _tokens(text: str) -> Iterator[_Token]:
    at, end = 0, len(text.rstrip())
    while at < end:
        found = _TOKEN.match(text, at)
        if not found:
            place = at + len(text[at:]) - len(text[at:].lstrip())
            sign = text[place]
            fix = (
                "There is no division; multiply by a decimal"
                if sign == "/"
                else "Put names that are no plain words into backquotes"
            )
            raise FormulaError(f"`{sign}` at {place + 1} of `{text}` is no part of a formula", fix)
        kind = str(found.lastgroup)
        yield _Token(kind, found[kind], found.start(kind) + 1)
        at = found.end()
