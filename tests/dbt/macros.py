"""The macros of the dbt project by themselves, as an engine speaks them: no project, no database, a text of SQL.

What dbt adds to Jinja is here as far as the macros that read events use it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import partial
from typing import Any

import jinja2

from dagster_project.warehouse.dbt_runner import project_folder

DEFINITION = re.compile(r"\{%-? macro (\w+)\(.*?\{%-? endmacro -?%\}", re.DOTALL)


class _Returned(BaseException):
    def __init__(self, value: Any) -> None:
        self.value = value


class Macros:
    """Every macro as a function: Macros("spark").quantity("value"). `frames` names what a source or a model is read from."""

    def __init__(self, engine: str) -> None:
        self._engine = engine
        self._environment = jinja2.Environment(extensions=["jinja2.ext.do"], autoescape=False)  # SQL, no page
        self._environment.globals |= {
            "adapter": self,
            "return": self._end,
            "fromjson": json.loads,
            "tojson": json.dumps,
            "source": lambda schema, table: f"{schema}_{table}",
            "ref": str,
        }
        for path in project_folder().glob("macros/**/*.sql"):
            for found in DEFINITION.finditer(path.read_text()):
                self._environment.globals[found[1]] = partial(self._call, found[1], found[0])

    def __getattr__(self, name: str) -> Callable[..., Any]:
        found: Callable[..., Any] = self._environment.globals[name]  # type: ignore[assignment]
        return found

    def dispatch(self, name: str) -> Callable[..., Any]:
        own = f"{self._engine}__{name}"
        return getattr(self, own if own in self._environment.globals else f"default__{name}")  # type: ignore[no-any-return]

    def _call(self, name: str, definition: str, /, *args: Any, **named: Any) -> Any:
        try:
            return getattr(self._environment.from_string(definition).module, name)(*args, **named)
        except _Returned as returned:
            return returned.value

    @staticmethod
    def _end(value: Any) -> None:
        raise _Returned(value)
