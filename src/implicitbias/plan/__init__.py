"""Planning goes from a config to figures, runs and packs, and to what their jobs ask for."""
