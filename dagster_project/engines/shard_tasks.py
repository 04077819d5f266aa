"""What a Spark task does: rate one shard. Workers import this module, so it needs little more than the kernel."""

from __future__ import annotations

import pickle
from dataclasses import replace

import polars as pl
import pyarrow as pa

from rating import tables
from rating.shards import rate_or_hold_back

ANSWER = "shard long, answer binary"
SCHEMA = pa.schema([("shard", pa.int64()), ("answer", pa.binary())])


def rate_shard_in_task(usage: pa.Table, shards: pa.Table) -> pa.Table:
    """shards: one row, with the pickled shard, which lacks its usage. The answer is a pickled `Rated`, or the exception."""
    [number], [pickled] = shards.column("shard").to_pylist(), shards.column("inputs").to_pylist()
    try:
        shard = replace(pickle.loads(pickled), usage=_usage_of(usage))  # noqa: S301 - the driver has written it
        answer: object = rate_or_hold_back(shard)
    except Exception as error:  # the driver raises it
        answer = error
    return pa.table([[number], [pickle.dumps(answer)]], schema=SCHEMA)


def _usage_of(rows: pa.Table) -> pl.DataFrame:
    """USAGE of what came through Spark, in its order; instants have a zone there."""
    frame = pl.DataFrame(pl.from_arrow(rows)).sort("row")
    instants = [name for name, kind in frame.schema.items() if isinstance(kind, pl.Datetime)]
    return tables.USAGE.frame(frame.with_columns(pl.col(instants).dt.replace_time_zone(None)))
