"""python pandas_csv.py QUERY OUT: a query of DuckDB's into csv by pandas, which is there for this alone."""

from __future__ import annotations

import sys

import duckdb

query, out = sys.argv[1:]
duckdb.connect(config={"threads": "2"}).sql(query).df().to_csv(out, index=False)
