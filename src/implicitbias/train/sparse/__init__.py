"""What the sparse procedures share: thresholding, the one-layer ReLU loss, diagonal networks."""
