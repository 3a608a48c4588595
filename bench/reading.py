"""How much of a growing conversation the embedded models read anew at each turn, with and without what they keep.

It must never count anything itself: the figures are the engine's own, for the very requests that the voices make. Run
it with `make bench`.
"""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from moot.transcript import CHAIR, Heading, Participant, Text, Transcript, Turn, freeze
from moot.view import view
from moot.voices import Place, Pool, VoiceError
from moot.voices.local import check, open_voice, prepare
from moot.voices.spec import parse, settle
from moot.voices.wire import sentences_end

if TYPE_CHECKING:
    from collections.abc import Mapping

    from moot.voices.openai import CompatibleVoice

TURNS = 30
FEWEST = 2
SEED = 1
PROMPT = "What makes a good conversation?"
VOICES = ("local:smollm2", "local:gemma3")


@dataclass(frozen=True, slots=True)
class Reading:
    """What one turn had its model read: tokens of the whole prompt, and those of them evaluated, kept or not."""

    speaker: str
    prompt: int
    kept: int
    anew: int


async def ask(voice: CompatibleVoice, request: Mapping[str, Any], **changed: object) -> tuple[str, int, int]:
    """Send a voice's request; return the words, and the prompt's tokens that were evaluated and that were kept."""
    client = (await voice.connect()).client
    body = {name: value for name, value in request["body"].items() if name != "stream_options"}
    answer = await client.post(request["path"], cast_to=object, body=body | {"stream": False} | changed)
    said = cast("dict[str, Any]", answer)
    [choice] = said["choices"]
    words: str = choice["message"]["content"] if "message" in choice else choice["text"]
    return words, said["timings"]["prompt_n"], said["timings"]["cache_n"]


async def talk(turns: int) -> list[Reading]:
    """Let the two models talk, and have each prompt read a second time in a place of its own where nothing is kept."""
    readings: list[Reading] = []
    transcript = Transcript(Heading(cast_of(VOICES), seed=SEED)).then(Turn(CHAIR, (Text(PROMPT),)))
    people = transcript.heading.participants
    for participant in people:
        check(participant, Pool())
    await prepare(people, lambda what, done, total: None)  # noqa: ARG005 - told, and not shown
    async with Pool() as pool:
        voices = [open_voice(participant, SEED, pool, Place(0, 2)) for participant in people]
        for number in range(turns):
            participant, voice = people[number % 2], voices[number % 2]
            request = voice.request(participant.brief, view(transcript, participant.name))
            words, kept, known = await ask(voice, request)
            _, anew, _ = await ask(voice, request, id_slot=1, cache_prompt=False, max_tokens=1)
            readings.append(Reading(participant.name, kept + known, kept, anew))
            transcript = transcript.then(Turn(participant.name, (Text(cut(words, participant)),)))
    return readings


def cast_of(voices: tuple[str, ...]) -> tuple[Participant, ...]:
    """Return the participants that `moot talk` makes of these voices."""
    stands = [settle(parse(voice)) for voice in voices]
    names = [stand.name for stand in stands]
    return tuple(
        Participant(
            stand.name,
            voice,
            stand.brief_for(stand.name, names, PROMPT),
            freeze(stand.settings),
        )
        for voice, stand in zip(voices, stands, strict=True)
    )


def cut(words: str, participant: Participant) -> str:
    """Return the words up to where the voice would have stopped listening."""
    sentences = dict(participant.settings)["sentences"]
    return words[: sentences_end(f"{words} ", sentences if isinstance(sentences, int) else 0)].strip()


def table(readings: list[Reading]) -> str:
    """Return the figures as a table, a row a turn, and what they come to."""
    rows = [f"{'turn':>5}  {'speaker':10}{'prompt':>8}{'evaluated':>11}{'without reuse':>15}"]
    for number, one in enumerate(readings, 1):
        rows.append(f"{number:>5}  {one.speaker:10}{one.prompt:>8}{one.kept:>11}{one.anew:>15}")
    kept, anew = sum(one.kept for one in readings), sum(one.anew for one in readings)
    rows.append(f"{'sum':>5}  {'':10}{'':>8}{kept:>11}{anew:>15}")
    rows.append(f"Reuse reads {kept} tokens of {anew}: {anew / kept:.1f} times fewer.")
    return "\n".join(rows)


def main() -> None:
    """Measure and print; the number of turns may be given as the one argument."""
    turns = int(sys.argv[1]) if len(sys.argv) > 1 else TURNS
    if turns < FEWEST:
        sys.exit(f"{turns} turns show nothing: at least {FEWEST}")
    try:
        print(table(asyncio.run(talk(turns))))
    except VoiceError as error:
        sys.exit(f"moot: {error}")


if __name__ == "__main__":
    main()
