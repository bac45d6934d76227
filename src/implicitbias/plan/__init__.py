"""From a config to figures, runs and packs, and what their jobs ask for."""
