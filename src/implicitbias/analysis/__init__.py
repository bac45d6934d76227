"""From records to tables, statistics and claims; and the papers' published points."""
