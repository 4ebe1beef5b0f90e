"""Documents that several people write at once."""
