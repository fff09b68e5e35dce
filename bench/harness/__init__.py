"""What every benchmark uses: measuring a process, statistics, and the tables in docs/benchmarks.md."""
