"""`python pandas_csv.py QUERY FILE`: run a DuckDB query and write its rows as CSV with pandas.

A program of its own, because only its process can import pandas.
"""

from __future__ import annotations

import sys

import duckdb

query, path = sys.argv[1:]
duckdb.connect(config={"threads": "2"}).sql(query).df().to_csv(path, index=False)
