"""Fake providers on loopback: the true wires of Anthropic, OpenAI and compatible servers, their rules and their faults.

A test, or a program that a test starts with ANTHROPIC_BASE_URL=`fake.anthropic_url` and OPENAI_BASE_URL=
`fake.openai_url`, speaks with them as with the real ones. They never leave 127.0.0.1.
"""

from __future__ import annotations

from fakes.replies import Fault, Reply, Request
from fakes.server import KEY, Fake

__all__ = ["KEY", "Fake", "Fault", "Reply", "Request"]
