"""The Python interface: load, run, inspect and build models."""
