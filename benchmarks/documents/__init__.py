"""Documents, side by side with Hocuspocus: `python -m benchmarks.documents --help`."""
