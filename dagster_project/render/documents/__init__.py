"""A document as a file to send: HTML, PDF, CSV or XLSX. The same document gives the same bytes."""

from __future__ import annotations

from collections.abc import Callable

from dagster_project.queries.documents import Document
from dagster_project.render.documents.page import html, pdf
from dagster_project.render.documents.rows import csv, xlsx

FORMATS: dict[str, Callable[[Document], bytes]] = {"html": html, "pdf": pdf, "csv": csv, "xlsx": xlsx}

__all__ = ["FORMATS"]
