"""Training goes from a pack to its records: loop, procedures, engine, observers, checkpoints."""
