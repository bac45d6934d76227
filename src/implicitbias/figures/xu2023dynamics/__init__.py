"""Xu, Rangamani, Liao, Galanti, Poggio, Dynamics in Deep Classifiers Trained with the Square Loss.

Research 6:0024, 2023. Figure numbers are not known to us, so experiments have words.
"""
