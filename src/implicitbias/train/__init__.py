"""From a pack to its records: the loop, procedures, the engine, observers, checkpoints."""
