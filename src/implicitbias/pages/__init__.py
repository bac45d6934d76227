"""These pages are for readers: the report, the results, the errata, generated parts of docs/."""
