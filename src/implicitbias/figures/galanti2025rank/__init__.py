"""Galanti, Siegel, Gupte, Poggio (2025), SGD with Weight Decay Secretly Minimizes the Ranks
of Your Neural Networks.

CPAL 2025, PMLR 280. Figure numbers are the paper's.
"""
