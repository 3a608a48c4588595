"""Who takes part, from a person's words: addresses, names and briefs become participants.

It must never start anything: it only settles what a participant's voice and settings will be.
"""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import TYPE_CHECKING

from moot.transcript import Invalid, Participant, freeze, same_name
from moot.voices.spec import Settled, parse, settle

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from moot.store import Store
    from moot.transcript import Heading
    from moot.voices.endpoints import Endpoint
    from moot.voices.spec import Spec


async def settled(store: Store, endpoints: Mapping[str, Endpoint], spec: Spec, index: int) -> Settled:
    """Return what an address stands for; a replay's are the words of `ID/NAME`, or of the same place."""
    stands = settle(spec, endpoints)
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


async def revoiced(
    store: Store, endpoints: Mapping[str, Endpoint], heading: Heading, voices: Sequence[str]
) -> tuple[Participant, ...]:
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
        stands = await settled(store, endpoints, spec, index)
        brief = changed[index].brief or stands.brief_for(name, names, topic)
        changed[index] = replace(changed[index], voice=spec.voice, brief=brief, settings=freeze(stands.settings))
    return tuple(changed)


def seed_for(voices: Sequence[Spec]) -> int:
    """Return a seed by chance, or 0 where no voice leaves anything to chance: the same script, the same digest."""
    fixed = all(voice.kind in ("script", "replay", "person") for voice in voices)
    return 0 if fixed else secrets.randbelow(2**31)


async def cast(
    store: Store,
    endpoints: Mapping[str, Endpoint],
    voices: Sequence[Spec],
    names: Sequence[str],
    briefs: Sequence[str],
    topic: str,
) -> tuple[Participant, ...]:
    """Return the participants of these voices: named apart, and each told the brief that suits it or was given."""
    if len(names) > len(voices):
        raise Invalid(f"{len(names)} names for {len(voices)} voices")
    stands = [await settled(store, endpoints, spec, index) for index, spec in enumerate(voices)]
    called = _distinct([*names, *(one.name for one in stands[len(names) :])], fixed=len(names))
    usual = [stand.brief_for(name, called, topic) for name, stand in zip(called, stands, strict=True)]
    told = _briefs(called, briefs, usual)
    return tuple(
        Participant(name, spec.voice, brief, freeze(stand.settings))
        for name, spec, brief, stand in zip(called, voices, told, stands, strict=True)
    )


def _distinct(names: Sequence[str], fixed: int) -> list[str]:
    """Number the names that collide, other than those that were asked for: two of those cannot both be had."""
    kept = list(names[:fixed])
    for name in names[fixed:]:
        taken = set(map(same_name, [*kept, *names[:fixed]]))
        numbered = (f"{name} {number}" for number in range(2, len(names) + 2))
        kept.append(
            name if same_name(name) not in taken else next(one for one in numbered if same_name(one) not in taken)
        )
    return kept


def _briefs(names: Sequence[str], briefs: Sequence[str], usual: Sequence[str]) -> list[str]:
    """Give each name its brief: by NAME=TEXT, a single one to all, several in order; else what suits its voice."""
    given: dict[str, str] = {}
    plain: list[str] = []
    for brief in briefs:
        name, equals, text = brief.partition("=")
        if equals and name in names:
            given[name] = text
        else:
            plain.append(brief)
    if len(plain) > len(names):
        raise Invalid(f"{len(plain)} briefs for {len(names)} voices")
    given = dict(zip(names, plain * len(names) if len(plain) == 1 else plain, strict=False)) | given
    return [given.get(name, brief) for name, brief in zip(names, usual, strict=True)]
