"""A trained network as a file, and running it."""
