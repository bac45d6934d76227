"""Pages for readers: the report, the results, the errata, and generated parts of docs/."""
