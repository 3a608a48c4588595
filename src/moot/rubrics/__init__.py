"""Rubrics that ship with moot, in Markdown; this file must never hold code."""
