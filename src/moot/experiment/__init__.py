"""Grids of conversations: a design, what it will cost, its run within one budget, and what came of it.

This room must never change what is on record: each cell is a conversation like any other, whose id is its content.
"""
