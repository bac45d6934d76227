"""One spec per procedure: `specs/<name>.py` defines `Spec`, `procedures/<name>.py` runs it."""
