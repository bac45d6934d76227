"""Chou, Rauhut, Ward (2024), Robust Implicit Regularization via Weight Normalization.

arXiv:2305.05448; Information and Inference 13(3). The paper's figure numbers and most of its
settings are not known to us: each file is an experiment in the setting of the paper, and every
setting is a stand-in. Rate ratio c = eta_u / eta_r; one polar pair for all weights.
"""
