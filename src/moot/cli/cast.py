"""What an address on the command line stands for, where the record has to be asked: the words of a replay.

It must never start anything: it only settles what a participant's voice and settings will be.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from moot.cli import record
from moot.transcript import Invalid, freeze
from moot.voices.spec import Settled, parse, settle

if TYPE_CHECKING:
    from collections.abc import Sequence

    from moot.store import Store
    from moot.transcript import Heading, Participant
    from moot.voices.spec import Spec


async def settled(store: Store, spec: Spec, index: int) -> Settled:
    """Return what an address stands for; a replay's are the words of `ID/NAME`, or of the same place."""
    stands = settle(spec, record.config().endpoints)
    if spec.kind != "replay":
        return stands
    prefix, _, name = spec.model.partition("/")
    transcript = (await store.read(await store.find(prefix))).transcript
    names = transcript.heading.names
    if not name and index >= len(names):
        raise Invalid(f"{spec.voice} has {len(names)} speakers; say whose words to replay: replay:{prefix}/{names[0]}")
    speaker = transcript.heading.participant(name or names[index]).name
    lines = tuple(turn.text for turn in transcript.turns if turn.speaker == speaker)
    return Settled(speaker, dict(stands.settings) | {"lines": lines})


async def revoiced(store: Store, heading: Heading, voices: Sequence[str]) -> tuple[Participant, ...]:
    """Return the participants with other voices, given as NAME=SPEC; names and briefs stay."""
    changed = list(heading.participants)
    names = heading.names
    topic = heading.title or heading.topic
    for given in voices:
        name, equals, address = given.partition("=")
        if not equals or name not in names:
            raise Invalid(f"{given!r} is not NAME=VOICE with a name of this conversation ({', '.join(names)})")
        index = names.index(name)
        spec = parse(address)
        stands = await settled(store, spec, index)
        brief = changed[index].brief or stands.brief_for(name, names, topic)
        changed[index] = replace(changed[index], voice=spec.voice, brief=brief, settings=freeze(stands.settings))
    return tuple(changed)
