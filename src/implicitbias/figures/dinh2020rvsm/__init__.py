"""Dinh, Xin (2020), Convergence of a Relaxed Variable Splitting Method for Learning Sparse Neural
Networks via l1, l0, and transformed-l1 Penalties.

arXiv:1812.05719. The paper's figure numbers and most of its settings are not known to us: each file
is an experiment in the setting of the paper, and every setting is a stand-in.
"""
