"""Each procedure has a spec: `specs/<name>.py` defines `Spec`, `procedures/<name>.py` runs it."""
