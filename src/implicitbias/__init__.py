"""Training runs, their records, and the figures on how SGD shapes the weights of deep networks."""

__version__ = "0.1.0"
