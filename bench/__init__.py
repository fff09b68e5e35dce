"""Benchmarks, run by `python -m bench`. docs/benchmarks.md explains them and holds their results."""
