"""What the package does for trainings that are not its own: spectra of a state dict."""
