"""Xu, Rangamani, Liao, Galanti, Poggio (2023), Dynamics in Deep Classifiers Trained with the Square
Loss.

Research 6:0024, 2023. Figures are numbered as in the author manuscript. Figures 1 and 2 are
drawings, which are not made. Figures whose name is a word are ours.
"""
