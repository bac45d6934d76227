"""The sparse procedures share thresholding, the one-layer ReLU loss and diagonal networks."""
