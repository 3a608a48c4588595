"""The browser: watch conversations live, read, step in, fork, compare. `moot serve` alone opens this room.

It must never send an identity, a key or a private turn to a page whose visitor has no right to it, run what a model
wrote, or listen where nobody has asked it to.

How it hangs together, for whoever builds on it:

- *A route* is a `Way` (ways.py): method, path, endpoint and the roles that may go it. There is no route without roles,
  and whoever has none of them is turned away before the endpoint runs. Each subject has a file with a tuple `WAYS`;
  app.py lists those files. Tests make their matrices out of that list.
- *An endpoint* is `async def(visit: Visit) -> Response`. A `Visit` has the `site` (store, config, pool, hub, runs,
  doors), the `request` and the `visitor`. Errors of the house (`Invalid`, `NotFound`, `Conflict`, `VoiceError`...) may
  be raised as they are: app.py says them to the person, with the right status.
- *A page* is `visit.page("name.html", {...})`: a Jinja template that extends base.html. Everything is escaped; words of
  a model become HTML in one place only, `publish.prose`. No template has an inline script, style or handler: the
  policy forbids them. What a page does, static/moot.js does, by data-attributes that are listed on top of it.
- *A change of state* is a POST. guard.py has refused it where Host, Origin or Sec-Fetch-Site are not our own.
  `await visit.form()` reads what was sent; answer with `visit.see(path)`. moot.js sends every form with `fetch` (so
  that Origin is told), follows what it is answered, and shows an error as a line beside the form.
- *Visitors* come in by a token (doors.py): `site.doors.invite(Visitor("participant", scope=ID, name=NAME))` returns
  one, `/enter?token=...` makes a cookie of it. `visitor.scope` and `visitor.name` say what it is good for; an endpoint
  for guests looks at nothing else.
- *Events* flow one way: `runs` carries conversations on in this process and tells the `hub` each event of the loop;
  the hub also looks at the record for what other processes add. `hub.follow(id, name, after)` is the stream of one tab:
  turns as articles (their number is the event's id), the words being spoken, and how the conversation stands, as
  `name` may see it (empty: the owner, who sees all). A frame is rendered once and sent to all.
"""
