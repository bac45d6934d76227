"""Galanti, Poggio (2022), SGD Noise and Implicit Low-Rank Bias in Deep Neural Networks.

CBMM Memo 134 and the first versions of arXiv 2206.05794. Its figures were not available to us:
everything here is an experiment in its setting, in part that of the authors' published log of runs.
"""
