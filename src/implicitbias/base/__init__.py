"""What everything rests on: errors, files, names and their files, provenance, memory."""
