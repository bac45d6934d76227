"""What people read: the report, the results page, the errata, generated parts of docs/."""
