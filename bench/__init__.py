"""The benchmarks: `python -m bench`. docs/benchmarks.md, which they write, says what is measured and what it means."""
