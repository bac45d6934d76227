"""Throughput of the engine against the ways one would train without it: `make bench`."""
