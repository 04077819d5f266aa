"""A document on paper: HTML by jinja2, PDF by typst. No file but its own, no date but its own, no font of the machine's but for
letters that the built-in ones lack."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import jinja2
import typst

from dagster_project.queries.documents import Document
from dagster_project.render.documents.words import words

HERE = Path(__file__).parent
# readers and archives ask for a time of making; a draft has none
NEVER = datetime(2000, 1, 1, tzinfo=UTC)


def html(document: Document) -> bytes:
    """One page that needs no other file, fit to print."""
    return _environment().get_template("document.html.j2").render(words(document)).encode()


def pdf(document: Document) -> bytes:
    """A tagged PDF (PDF/UA-1), as accessible as the page."""
    made = document.header["issued_at"]
    compiled = _compiler().compile(
        format="pdf",
        sys_inputs={"document": json.dumps(words(document), ensure_ascii=False)},
        pdf_standards=["ua-1"],
        timestamp=made.replace(tzinfo=UTC) if made else NEVER,
    )
    assert isinstance(compiled, bytes)
    return compiled


@cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )


@cache
def _compiler() -> typst.Compiler:
    return typst.Compiler(str(HERE / "document.typ"), root=str(HERE))
