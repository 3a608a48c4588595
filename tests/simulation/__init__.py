"""Deterministic simulation: the real program on a clock that jumps, with chance from one seed, and laws that must hold.

It must never wait, start a thread or take chance from anywhere but the seed.
"""
