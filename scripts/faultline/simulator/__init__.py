"""A demo plant: a deterministic simulation of four production lines, with known truth behind every number.

Nothing here reads the clock, the locale or the hash seed: the options alone decide every byte.
"""
