"""`moot scenarios`: what ships with moot to be run at once, copied and changed."""

from __future__ import annotations

import click

from moot.cli import record
from moot.cli.terminal import console, print_json, safe
from moot.scenario import read_scenario, schema, shipped
from moot.transcript import Invalid


@click.command(short_help="List the scenarios that ship with moot, or print one to change.")
@click.argument("name", required=False)
@click.option("--schema", "wants_schema", is_flag=True, help="Print the JSON Schema of scenario files, for editors.")
@record.as_json
def command(name: str | None, wants_schema: bool) -> None:  # noqa: FBT001 - a flag, given by name
    """List the scenarios that ship with moot; with a NAME, print that one, to be changed and run as a file.

    \b
    moot scenarios
    moot scenarios oxford-debate > my-debate.toml
    moot run my-debate.toml
    """
    if wants_schema:
        print_json(schema())
        return
    found = shipped()
    if name is not None:
        if name not in found:
            raise Invalid(f"there is no scenario {name!r}; there are {', '.join(found)}")
        click.echo(found[name].read_text("utf-8"), nl=False)
        return
    scenarios = {one: read_scenario(file.read_text("utf-8"), one) for one, file in found.items()}
    if record.wants_json():
        print_json([{"name": one, "form": it.form, "about": it.about} for one, it in scenarios.items()])
        return
    for one, scenario in scenarios.items():
        click.echo(safe(f"{one:<18}{scenario.about}"))
    console(err=True).print("[run one: moot run NAME; print one to change it: moot scenarios NAME]", style="dim")
