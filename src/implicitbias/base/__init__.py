"""Modules that every other folder uses: errors, files, names, provenance and memory settings."""
