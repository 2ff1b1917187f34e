"""The test of which picture is real."""
