"""One module per scenario; each has `run(bench, options)`, a generator of result rows."""
