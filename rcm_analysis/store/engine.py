"""Where the derived tables are computed: DuckDB in this process, or a Spark that is there already.

The SQL of claims, measures and summaries is written once, in DuckDB's words. For Spark each statement is translated
(sqlglot) and its result comes back as Arrow, so that `df()` and `fetchall()` give the same types on both:

    con = connect(Practice(store, "clinic"), as_of=day, engine="spark")      # or spark://host:7077, sc://host, local[4]
    con.execute("SELECT count(*) FROM remittances").fetchall()               # [(47951,)]

Tables made on Spark are written as Parquet beside the practice and read back, so that none is computed twice and none
has to fit into memory; a cluster must therefore see the store under the same path.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
import tomllib
import weakref
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rcm_analysis import settings
from rcm_analysis.errors import RcmError
from rcm_analysis.store import schema
from rcm_analysis.store.practice import Practice, connection, without

if TYPE_CHECKING:
    import duckdb
    import pandas as pd
    import pyarrow as pa

SETTINGS = "engine.toml"
_SET = re.compile(r"SET VARIABLE (\w+) = (.*)", re.S)
_CREATE = re.compile(r"\s*CREATE (?:OR REPLACE )?(?:TEMP )?(TABLE|VIEW) (\w+) AS\s+(.*)", re.S)


def named(store: Path, engine: str | None = None) -> str:
    """The engine to use: the one given, else the variable RCM_ENGINE, else `engine` in STORE/engine.toml, else duckdb.

    Raises RcmError when the file is not understood or the name is no engine.
    """
    chosen = engine or settings.ENGINE.value or _from_settings(store / SETTINGS) or "duckdb"
    if chosen != "duckdb" and not re.match(r"spark$|spark://|sc://|yarn$|k8s://|local(\[|$)", chosen):
        raise RcmError(f"no engine is called {chosen}: use duckdb, spark, or a Spark address such as spark://host:7077")
    return chosen


def _from_settings(path: Path) -> str | None:
    if not path.exists():
        return None
    try:
        return tomllib.loads(path.read_text("utf-8")).get("engine")
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RcmError(
            f'{path.name} is not understood ({error}); it holds one line: engine = "spark://host:7077"'
        ) from None


def connect(
    practice: Practice, *, as_of: date, engine: str | None = None, facts: bool = True
) -> duckdb.DuckDBPyConnection | SparkConnection:
    """A connection on which every fact table is what was known on `as_of`; without `facts` DuckDB's has none yet.

    Raises RcmError when nothing was ingested, Spark is not installed, or no engine has this name.
    """
    chosen = named(practice.root, engine)
    if chosen == "duckdb":
        return practice.connect(as_of=as_of, facts=facts)
    return SparkConnection(practice, as_of=as_of, address=chosen)


@contextmanager
def pool(engine: str | None, *, jobs: int) -> Iterator[Executor]:
    """Where the pieces of files are read: threads of this process, tasks of a Spark, or workers of a Dask scheduler.

    `engine` is None or duckdb for threads, a Spark address, or tcp://host:8786 for Dask. The package must be installed
    on the workers. Raises RcmError when what it needs is not installed.
    """
    if engine in (None, "duckdb"):
        with ThreadPoolExecutor(jobs) as threads:
            yield threads
    elif engine.startswith(("tcp://", "tls://")):
        try:
            from distributed import Client
        except ImportError:
            raise RcmError("Dask is not installed here; install it with: pip install distributed") from None
        with Client(engine, set_as_default=False) as client:
            yield client.get_executor(pure=False)
    else:
        with _SparkPool(_session(engine), jobs) as tasks:
            yield tasks


def keeps(con: Any) -> bool:
    """Whether derived tables of this connection can be kept in a file: DuckDB's can, a Spark keeps its own."""
    return not isinstance(con, SparkConnection)


def name_of(con: Any) -> str:
    """The engine of a connection, as `connect` takes it."""
    return con.address if isinstance(con, SparkConnection) else "duckdb"


def write_parquet(con: duckdb.DuckDBPyConnection | SparkConnection, query: str, path: Path) -> None:
    """Writes a query's rows into one Parquet file, money as decimals."""
    if isinstance(con, SparkConnection):
        import pyarrow.parquet as pq

        pq.write_table(con.arrow(query), path)
    else:
        quoted = str(path).replace("'", "''")
        con.execute(f"COPY ({query}) TO '{quoted}' (FORMAT parquet, USE_TMP_FILE false)")


def arrow(con: duckdb.DuckDBPyConnection | SparkConnection, query: str) -> pa.Table:
    """A query's rows as Arrow, in one order on every engine where the query says one."""
    return con.arrow(query) if isinstance(con, SparkConnection) else con.sql(query).to_arrow_table()


def columns(con: duckdb.DuckDBPyConnection | SparkConnection, table: str) -> pa.Schema:
    """Names and types of a table's columns."""
    nothing = f"SELECT * FROM {table} LIMIT 0"
    return con.arrow(nothing).schema if isinstance(con, SparkConnection) else con.sql(nothing).to_arrow_table().schema


def spark_sql(sql: str, values: dict[str, Any] | None = None) -> str:
    """A statement in Spark's words, with what sqlglot leaves: `* REPLACE`, quantiles, variables, nulls in max_by.

    >>> spark_sql("SELECT r.* REPLACE (1 AS a), b FROM r")  # doctest: +SKIP
    'SELECT r.* EXCEPT (a), 1 AS a, b FROM r'
    """
    import sqlglot
    from sqlglot import exp

    tree = sqlglot.parse_one(sql, read="duckdb")
    for select in tree.find_all(exp.Select):
        columns = []
        for column in select.expressions:
            star = column.this if isinstance(column, exp.Column) else column
            replaced = (star.args.get("replace") or []) if isinstance(star, exp.Star) else []
            if replaced:
                star.set("replace", None)
                star.set("except_", [exp.to_identifier(new.alias) for new in replaced])
            columns += [column, *replaced]
        select.set("expressions", columns)
    for call in list(tree.find_all(exp.Anonymous)):
        if call.name.lower() == "getvariable":
            call.replace((values or {})[call.expressions[0].name])
    for quantile in list(tree.find_all(exp.PercentileCont)):
        quantile.replace(exp.func("percentile", quantile.this, quantile.expression))
    for chosen in list(tree.find_all(exp.ArgMax, exp.ArgMin)):
        _skip_nulls(chosen)
    return tree.sql("spark")


def _expression(sql: str) -> Any:
    import sqlglot

    return sqlglot.parse_one(sql, read="duckdb")


def _skip_nulls(chosen: Any) -> None:
    """max_by and min_by pass over rows without a value in DuckDB; Spark has to be told."""
    from sqlglot import exp

    there = exp.not_(exp.Is(this=chosen.this.copy(), expression=exp.null()))
    if isinstance(chosen.parent, exp.Filter):
        where = chosen.parent.args["expression"]
        where.set("this", exp.and_(where.this, there))
    else:
        chosen.replace(exp.Filter(this=chosen.copy(), expression=exp.Where(this=there)))


class SparkConnection:
    """What the package uses of a DuckDB connection, on Spark: `execute`, `register`, `unregister`, `close`."""

    def __init__(self, practice: Practice, *, as_of: date, address: str):
        if not practice.exists():
            raise RcmError(f"there is nothing of {practice.name} in {practice.root}; ingest its files first: "
                             f"rcm ingest FOLDER --practice {practice.name}")  # fmt: skip
        self._spark, self.address = _session(address), address
        self._values: dict[str, Any] = {}
        self._made = count()
        self._work = Path(tempfile.mkdtemp(prefix=".spark-", dir=practice.folder))
        self.close = weakref.finalize(self, shutil.rmtree, self._work, ignore_errors=True)
        for table in schema.FACTS:
            rows = self._spark.createDataFrame(_plain(schema.empty(table.name)))
            dated = any(column.name == "known_on" for column in table.columns)
            for found in self._stored(practice.parts(table.name)):
                found = found.where(f"known_on <= DATE '{as_of.isoformat()}'") if dated else found
                rows = found.unionByName(rows, allowMissingColumns=True)  # columns that earlier batches lack
            rows.createOrReplaceTempView(table.name)

    def _stored(self, parts: list[tuple[Path, frozenset[str]]]) -> Iterator[Any]:
        """The rows that count: of all whole parts together, and of each part with files that were read again."""
        whole = [_pattern(path) for path, gone in parts if not gone]
        if whole:
            yield self._spark.read.option("mergeSchema", "true").parquet(*whole)
        for path, gone in parts:
            if gone:
                yield self._spark.read.parquet(_pattern(path)).where(without(gone))

    def execute(self, sql: str, parameters: Sequence[str] = ()) -> duckdb.DuckDBPyConnection:
        """Runs a statement in DuckDB's words, texts for its question marks; the result has df(), fetchall(), description."""
        variable = _SET.fullmatch(sql)
        if variable:
            self._values[variable[1]] = _expression(variable[2])
            return connection()
        made = _CREATE.fullmatch(sql)
        result = connection()
        if made:
            self._make(*made.groups())
            return result
        rows = self.arrow(sql, parameters)
        return result.execute("SELECT * FROM rows") if rows.num_columns else result

    def arrow(self, sql: str, parameters: Sequence[str] = ()) -> pa.Table:
        return self._spark.sql(spark_sql(sql, self._values), args=list(parameters) or None).toArrow()

    def _make(self, kind: str, name: str, sql: str) -> None:
        rows = self._spark.sql(spark_sql(sql, self._values))
        if kind == "TABLE":
            place = self._work / f"{name}-{next(self._made)}"  # of its own: a table may be made anew from itself
            rows.write.parquet(str(place))
            rows = self._spark.read.parquet(_pattern(place))
        rows.createOrReplaceTempView(name)

    def register(self, name: str, frame: pd.DataFrame | pa.Table) -> None:
        import pyarrow as pa

        rows = frame if isinstance(frame, pa.Table) else pa.Table.from_pandas(frame, preserve_index=False)
        self._spark.createDataFrame(_plain(rows)).createOrReplaceTempView(name)

    def unregister(self, name: str) -> None:
        """Nothing to do: tables made of a registered frame were written already."""


class _SparkPool(ThreadPoolExecutor):
    """An executor whose calls run as Spark tasks, one each; a thread of this process waits for every one."""

    def __init__(self, session: Any, jobs: int):
        super().__init__(jobs)
        self._context = session.sparkContext

    def submit(self, call: Callable[..., Any], /, *args: Any, **named: Any) -> Future:
        return super().submit(self._task, call, args, named)

    def _task(self, call: Callable[..., Any], args: tuple, named: dict) -> Any:
        return self._context.parallelize([(args, named)], 1).map(lambda given: call(*given[0], **given[1])).collect()[0]


def _pattern(path: Path) -> str:
    """The path as a pattern of Spark that fits it alone."""
    return re.sub(r"[\\*?\[\]{}]", r"\\\g<0>", str(path)) if os.name != "nt" else str(path)


def _plain(table: pa.Table) -> pa.Table:
    """Dictionaries as the values they stand for, and columns of nothing as text; Spark knows neither."""
    import pyarrow as pa

    fields = []
    for field in table.schema:
        kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        fields.append(
            pa.field(field.name, pa.string() if pa.types.is_null(kind) or pa.types.is_large_string(kind) else kind)
        )
    return table.cast(pa.schema(fields))


def _session(address: str) -> Any:
    """A session of its own on a Spark: the address given, or all cores of this machine for `spark`."""
    try:
        from pyspark.sql import SparkSession
    except ImportError:
        raise RcmError("Spark is not installed here; install it with: pip install 'rcm-analysis[spark]'") from None
    if address.startswith("sc://"):
        return SparkSession.builder.remote(address).create()
    settings.hand_on(settings.PYSPARK_PYTHON, settings.PYSPARK_PYTHON.value or sys.executable)
    local = address == "spark" or address.startswith("local")
    builder = SparkSession.builder.master("local[*]" if address == "spark" else address).appName("rcm-analysis")
    for key, value in {"spark.sql.session.timeZone": "UTC", "spark.ui.enabled": "false", "spark.log.level": "ERROR",
                       "spark.ui.showConsoleProgress": "false",
                       "spark.sql.execution.arrow.pyspark.enabled": "true"}.items():  # fmt: skip
        builder = builder.config(key, value)
    if local:
        builder = builder.config("spark.sql.shuffle.partitions", str(os.cpu_count() or 2)).config(
            "spark.driver.memory", settings.SPARK_MEMORY.value
        )
    return builder.getOrCreate().newSession()
