"""The process that knows Great Expectations: one JSON request a line on stdin, one JSON answer a line on stdout.

    {"suite": "usage", "parquet": "…", "known": {"meter_code": ["AI_CALL"]}}  ->  {"verdicts": [{"says": …, "holds": …, …}]}
    {"data_docs": "…folder…"}                                                 ->  {"data_docs": "…folder…"}

Started by `client.py`; nothing else imports it. It ends when its stdin does, whatever it is at: so it outlives no run.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import shutil
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, TextIO

os.environ["GX_ANALYTICS_ENABLED"] = "false"


def _until_the_end(requests: TextIO) -> Iterator[str]:
    """The lines of stdin. Read by a thread of their own, which ends the process when there are no more."""
    waiting: queue.Queue[str] = queue.Queue()

    def read() -> None:
        for line in requests:
            waiting.put(line)
        os._exit(0)

    threading.Thread(target=read, name="requests", daemon=True).start()
    return iter(waiting.get, None)


if __name__ == "__main__":
    lines = _until_the_end(sys.stdin)  # from now on, before the imports that take seconds

import great_expectations as gx  # noqa: E402
import great_expectations.expectations as gxe  # noqa: E402
import polars as pl  # noqa: E402

from rating.vocabulary import LINE_KINDS, RATE_SOURCES  # noqa: E402

Known = Mapping[str, list[str]]

LARGEST_AMOUNT = Decimal(10) ** 15
SITE = "finance"


def usage(known: Known) -> list[gxe.Expectation]:
    """What a row of usage looks like (R-16)."""
    return [
        *(
            gxe.ExpectColumnValuesToNotBeNull(column=column)
            for column in ("contract_id", "customer_id", "meter_code", "quantity")
        ),
        gxe.ExpectColumnValuesToBeInSet(column="meter_code", value_set=known["meter_code"]),
        # 0: a level that goes on
        gxe.ExpectColumnValuesToBeBetween(column="event_count", min_value=0),
        gxe.ExpectColumnPairValuesAToBeGreaterThanB(column_A="period_end", column_B="period_start"),
        gxe.ExpectColumnPairValuesAToBeGreaterThanB(column_A="window_end", column_B="window_start"),
        gxe.ExpectColumnPairValuesAToBeGreaterThanB(column_A="window_start", column_B="period_start", or_equal=True),
    ]


def invoice_lines(known: Known) -> list[gxe.Expectation]:
    """What a line of a document looks like (R-2, R-19, R-38)."""
    return [
        *(
            gxe.ExpectColumnValuesToNotBeNull(column=column)
            for column in ("invoice_id", "description", "amount", "exact_amount")
        ),
        gxe.ExpectCompoundColumnsToBeUnique(column_list=["invoice_id", "line_no"]),
        gxe.ExpectColumnValuesToBeInSet(column="kind", value_set=[*LINE_KINDS]),
        gxe.ExpectColumnValuesToBeInSet(column="rate_source", value_set=[*RATE_SOURCES]),
        gxe.ExpectColumnValuesToBeInSet(column="meter_code", value_set=known["meter_code"]),
        gxe.ExpectColumnValuesToBeBetween(column="line_no", min_value=1),
        gxe.ExpectColumnValuesToBeBetween(column="unit_rate", min_value=0),
        gxe.ExpectColumnValuesToBeBetween(
            column="amount", min_value=-LARGEST_AMOUNT, max_value=LARGEST_AMOUNT, strict_max=True
        ),
    ]


SUITES: dict[str, Callable[[Known], list[gxe.Expectation]]] = {"usage": usage, "invoice_lines": invoice_lines}


class Bench:
    """One context for the suites of one run."""

    def __init__(self) -> None:
        self.context = gx.get_context(mode="ephemeral")
        self.context.variables.progress_bars = {"globally": False}
        self.context.delete_data_docs_site("local_site")
        self.frames = self.context.data_sources.add_pandas("frames")

    def examine(self, suite: str, parquet: str, known: Known) -> list[dict[str, Any]]:
        """The verdict of every expectation of a suite on the frame in a Parquet file."""
        frame = pl.read_parquet(parquet).select(pl.exclude(pl.List))
        expectations = gx.ExpectationSuite(suite, expectations=SUITES[suite](known))
        whole = self.frames.add_dataframe_asset(suite).add_batch_definition_whole_dataframe("whole")
        validation = gx.ValidationDefinition(name=suite, data=whole, suite=self.context.suites.add(expectations))
        result = self.context.validation_definitions.add(validation).run(
            # Arrow-backed columns keep decimals exact
            batch_parameters={"dataframe": frame.to_pandas(use_pyarrow_extension_array=True)}
        )
        return [_verdict(one) for one in result.results]

    def write_data_docs(self, folder: str) -> None:
        """Replace the Data Docs by those of this run."""
        shutil.rmtree(folder, ignore_errors=True)
        store = {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(Path(folder).resolve())}
        index = {"class_name": "DefaultSiteIndexBuilder"}
        self.context.add_data_docs_site(
            SITE, {"class_name": "SiteBuilder", "store_backend": store, "site_index_builder": index}
        )
        self.context.build_data_docs()


def _verdict(result: Any) -> dict[str, Any]:
    config = result.expectation_config
    error = (result.exception_info or {}).get("exception_message")
    columns = [config.kwargs[name] for name in ("column", "column_A", "column_B") if name in config.kwargs]
    about = ", ".join(columns or config.kwargs.get("column_list", []))
    return {
        "says": f"{about}: {config.type.removeprefix('expect_').replace('_', ' ')}",
        "holds": bool(result.success),
        "unexpected": int(result.result.get("unexpected_count") or 0),
        "examples": [str(value) for value in result.result.get("partial_unexpected_list", [])[:5]] + ([error] if error else []),
    }


def serve(requests: Iterable[str], answers: TextIO) -> None:
    """Answer requests until there are no more."""
    bench = Bench()
    for line in requests:
        request = json.loads(line)
        if "data_docs" in request:
            bench.write_data_docs(request["data_docs"])
            answer: dict[str, Any] = request
        else:
            answer = {"verdicts": bench.examine(request["suite"], request["parquet"], request["known"])}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    with contextlib.redirect_stdout(sys.stderr):  # what libraries print must not mix with the answers
        serve(lines, sys.__stdout__ or sys.stdout)
