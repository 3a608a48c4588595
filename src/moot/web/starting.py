"""Starting a conversation: a scenario or a form, its cast, its limits, and what it may come to before it is begun.

It must never send a request before the owner has said so, nor call a price known that is not.
"""

from __future__ import annotations

import asyncio
import tomllib
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from starlette.responses import PlainTextResponse

from moot.cast import cast, seed_for
from moot.experiment.plan import loads
from moot.own_forms import find
from moot.scenario import Role, Scenario, caps_in, caps_of, read_scenario, shipped
from moot.stepping import new_id
from moot.transcript import Heading, Invalid, Transcript, freeze
from moot.voices.spec import check, parse
from moot.voices.weights import CATALOG
from moot.web.ways import Visit, Way

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.responses import Response

    from moot.experiment.plan import Load

FORMS = ("talk", "interview", "letters", "debate", "panel", "trial")
CAPS = (("turns", int), ("tokens", int), ("dollars", float))


async def choose(visit: Visit) -> Response:
    """Show what can be started, and the form for the one that was chosen."""
    name = visit.asked("what") or "get-acquainted"
    values = {
        "what": name,
        "scenario": _found(name),
        "kinds": (*shipped(), *FORMS),
        "voices": (*(f"local:{one}" for one in CATALOG), *(f"{one}:" for one in visit.site.config.endpoints)),
    }
    return visit.page("start.html", values)


async def start(visit: Visit) -> Response:
    """Say what a conversation may come to, or put it on record, let it begin and show it."""
    form, site = await visit.form(), visit.site
    heading = await _heading(visit, _scenario(form))
    if not form.get("go"):
        most = site.config.limits.conversation.and_at_most(caps_of(heading)).turns
        return PlainTextResponse(
            _told(await asyncio.to_thread(partial(loads, heading, site.config.limits.price, find, most)))
        )
    for one in heading.participants:
        if not one.voice.startswith("person"):
            check(one, site.pool)
    identity = new_id()
    await site.store.start(identity, Transcript(heading))
    await site.runs.go_on(identity)
    return visit.see(f"/c/{identity}")


def _found(name: str) -> Scenario:
    if name in shipped():
        return read_scenario(shipped()[name].read_text("utf-8"), name)
    if name in FORMS:
        return Scenario((Role("", "local:smollm2"), Role("", "person:web")), form=name)
    raise Invalid(f"there is no scenario or form {name!r}")


def _scenario(form: Mapping[str, str]) -> Scenario:
    """Return the scenario that was filled in."""
    plain = _found(form.get("what", "get-acquainted"))
    lines = [line.strip() for line in form.get("cast", "").splitlines() if line.strip()]
    pairs = [line.rpartition(" = ")[::2] for line in lines]
    briefs = [role.brief for role in plain.cast] + [None] * len(pairs)
    roles = tuple(Role(name.strip(), voice, brief) for (name, voice), brief in zip(pairs, briefs, strict=False))
    try:
        given = tomllib.loads(form.get("arguments", ""))
    except tomllib.TOMLDecodeError as error:
        raise Invalid(f"the arguments are not TOML: {error}") from None
    changed = replace(
        plain,
        cast=roles or plain.cast,
        topic=form.get("topic", "").strip() or plain.topic,
        title=form.get("title", "").strip() or plain.title,
        arguments=freeze(dict(plain.arguments) | given),
        caps=plain.caps.and_at_most(caps_in(_caps(form))),
    )
    return changed.checked(find(changed.form))


def _caps(form: Mapping[str, str]) -> dict[str, int | float]:
    try:
        return {name: kind(form[name]) for name, kind in CAPS if form.get(name, "").strip()}
    except ValueError:
        raise Invalid("a limit is a number") from None


async def _heading(visit: Visit, scenario: Scenario) -> Heading:
    specs = [parse(role.voice) for role in scenario.cast]
    names = [role.name for role in scenario.cast if role.name]
    people = await cast(visit.site.store, visit.site.config.endpoints, specs, names, (), scenario.topic)
    briefed = tuple(
        one if role.brief is None else replace(one, brief=role.brief)
        for one, role in zip(people, scenario.cast, strict=True)
    )
    return Heading(
        briefed,
        title=scenario.title,
        topic=scenario.topic,
        form=scenario.form,
        arguments=scenario.arguments,
        seed=seed_for(specs) if scenario.seed is None else scenario.seed,
        series=scenario.series,
        source=scenario.source,
    )


def _told(each: tuple[Load, ...]) -> str:
    """Say what a conversation may come to, by short and by long turns."""
    low, high = each[0], each[-1]
    known = low.dollars is not None and high.dollars is not None
    cost = f"${low.dollars:.4f} to ${high.dollars:.4f}" if known and high.dollars else "nothing" if known else "unknown"
    endless = "; it has no end of its own" if high.endless else ""
    return f"About {high.calls} calls, {low.tokens:,} to {high.tokens:,} tokens; cost {cost}{endless}."


WAYS = (Way("GET", "/start", choose, ("owner",)), Way("POST", "/start", start, ("owner",)))
