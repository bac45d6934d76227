"""This folder holds what all others use: errors, files, names, provenance and memory settings."""
