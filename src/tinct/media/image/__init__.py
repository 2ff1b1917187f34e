"""One picture in and out of files."""
