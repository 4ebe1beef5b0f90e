"""Real clients on real servers while something breaks, and what their journals say against the database's log."""
