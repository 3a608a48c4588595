"""The record as an assistant sees it: tools to read it and, where its owner says so, to talk on it.

`moot mcp` alone opens this room.

It must never put words on record in the name of anybody but the assistant itself, ask a voice anything that its owner's
budget has no room for, or let what an assistant says choose a file, a server or a key.
"""
