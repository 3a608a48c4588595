"""Two voices take turns; the chair counts the rounds aloud."""

from collections.abc import Callable

from moot.forms import Close, Move, Post, Speak
from moot.transcript import CHAIR, Text, Transcript, Turn


def duel(*, rounds: int = 2) -> Callable[[Transcript], Move]:
    def move(transcript: Transcript) -> Move:
        names = transcript.heading.names
        spoken = sum(turn.speaker != CHAIR for turn in transcript.turns)
        called = sum(turn.speaker == CHAIR for turn in transcript.turns)
        if spoken == rounds * len(names):
            return Close(f"all {rounds} rounds are fought")
        if spoken == called * len(names):
            return Post(Turn(CHAIR, (Text(f"Round {called + 1}!"),)))
        return Speak(names[spoken % len(names)])

    return move
