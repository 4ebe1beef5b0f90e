"""Load generator, baselines and scenarios behind docs/benchmarks.md."""
