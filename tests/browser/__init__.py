"""The workspace as people use it, in a real browser."""
