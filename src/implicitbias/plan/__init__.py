"""Planning turns a config into figures, runs and packs, and into the requests of their jobs."""
