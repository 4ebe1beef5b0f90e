"""Real Yjs clients, in Node, for tests: see editors.py."""
