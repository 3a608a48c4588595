"""The work that every party to the comparison does: two voices, one brief each, one prompt."""

NAMES = ("Ada", "Bo")
PROMPT = "What makes a good conversation?"
BRIEF = "You are {name}, in a conversation with {other}."
