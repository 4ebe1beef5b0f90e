"""The baseline: a chat server exactly as the Django Channels documentation teaches it."""
