// What pages do beyond reading. No markup is ever made here but by the server: its articles pass the one policy below.
//
// data-list="URL"        rows ([data-id]) whose state follows the stream at URL
// data-live="URL"        turns that follow the stream at URL; data-turns: how many the page has; data-stay: hidden or not
// data-you="NAME"        on the page's section: whose turn the title tells of
// data-keep="KEY"        a field whose words are kept in this browser until they are sent
// data-raw="URL"         shows the raw text of the turn it stands in
// data-copy              copies a link to the turn it stands in
// data-theme-toggle, data-help
// form[method=post]      is sent with fetch; an error shows in the form's [role=alert], an answer in its output
// data-state             on the page's section: what it shows by state is CSS's business

const plain = { createHTML: (html) => html };
const policy = window.trustedTypes ? window.trustedTypes.createPolicy("moot", plain) : plain;
const $ = (query, root = document) => root.querySelector(query);
const all = (query, root = document) => [...root.querySelectorAll(query)];
const say = (words) => { $("#status").textContent = words; };

// Streams: one for a tab, none while the tab is hidden, but where its title tells whose turn it is.

function stream(address, events, stay = false) {
  let source = null;
  let again = 0;
  const open = () => {
    clearTimeout(again);
    if (source || (document.hidden && !stay)) return;
    source = new EventSource(address());
    source.onopen = () => document.body.classList.remove("cut");
    source.onerror = () => {
      document.body.classList.add("cut");
      if (source.readyState === EventSource.CLOSED) { shut(); again = setTimeout(open, 2000); }
    };
    for (const [kind, take] of Object.entries(events)) source.addEventListener(kind, (event) => take(event.data, event));
  };
  const shut = () => { source?.close(); source = null; };
  document.addEventListener("visibilitychange", () => (document.hidden && !stay ? shut() : open()));
  addEventListener("pagehide", shut);
  open();
}

function followList(section) {
  const rows = new Map(all("[data-id]", section).map((row) => [row.dataset.id, row]));
  stream(() => `${section.dataset.list}?ids=${[...rows.keys()].join()}`, {
    row(told) {
      const { id, state, turns } = JSON.parse(told);
      const row = rows.get(id);
      if (!row) return;
      const badge = $(".state", row);
      badge.textContent = badge.dataset.state = state;
      if ($(".turns", row)) $(".turns", row).textContent = turns;
    },
  });
}

function followTurns(turns) {
  const section = turns.closest("[data-state]");
  const jump = $("#jump");
  const title = document.title;
  let last = Number(turns.dataset.turns);
  let draft = null;
  let waiting = "";
  let atEnd = false;

  new IntersectionObserver(([seen]) => { atEnd = seen.isIntersecting; if (atEnd) jump.hidden = true; },
    { rootMargin: "80px" }).observe($("footer.lead"));
  const toEnd = () => scrollTo({ top: document.documentElement.scrollHeight });
  jump.addEventListener("click", toEnd);
  const grow = (change) => {
    const stick = atEnd;
    change();
    if (stick) toEnd(); else if (section.dataset.state === "live") jump.hidden = false;
  };

  const drop = () => { draft?.article.remove(); draft = null; waiting = ""; };
  const speak = ({ number, name, colour, text, thinking }) => {
    drop();
    const article = document.createElement("article");
    article.className = `turn speaking ${colour}`;
    article.setAttribute("aria-busy", "true");
    const head = article.appendChild(document.createElement("header"));
    Object.assign(head.appendChild(document.createElement("span")), { className: "number", textContent: number });
    head.appendChild(document.createElement("h2")).textContent = name;
    const note = head.appendChild(document.createElement("span"));
    Object.assign(note, { className: "only", textContent: thinking && !text ? "thinking" : "" });
    const prose = article.appendChild(document.createElement("div"));
    Object.assign(prose, { className: "prose plain", dir: "auto" });
    draft = { article, note, number, words: prose.appendChild(document.createTextNode(text)) };
    turns.append(article);
    say(`${name} is speaking`);
  };
  const write = () => {
    if (draft && waiting) grow(() => { draft.note.textContent = ""; draft.words.appendData(waiting); });
    waiting = "";
  };

  stream(() => `${turns.dataset.live}?after=${last}`, {
    void: drop,
    draft: (told) => grow(() => speak(JSON.parse(told))),
    words(told) {
      if (!waiting) requestAnimationFrame(write);
      waiting += JSON.parse(told).text;
    },
    turn(told, event) {
      const number = Number(event.lastEventId);
      if (number <= last) return;
      last = number;
      const template = document.createElement("template");
      template.innerHTML = policy.createHTML(told);
      grow(() => {
        drop();
        const article = turns.appendChild(template.content.firstElementChild);
        say(`${$("h2", article).textContent.trim()} has spoken`);
      });
    },
    note: (told) => { $("#standing").textContent = JSON.parse(told).words; },
    state(told) {
      const { state, words, whose, ask } = JSON.parse(told);
      const changed = section.dataset.state !== state;
      section.dataset.state = state;
      const badge = $(".top .state");
      badge.textContent = badge.dataset.state = state;
      $("#standing").textContent = words;
      $("#count").textContent = last;
      for (const field of all("[name=after]")) field.value = last;
      if ($("#ask")) $("#ask").textContent = ask;
      const as = $("[name=as]");
      if (as && changed) as.value = state === "waiting" ? whose : "chair";
      const mine = Boolean(section.dataset.you) && whose === section.dataset.you;
      const turned = mine !== document.title.startsWith("Your turn");
      document.title = (mine ? "Your turn · " : state === "live" ? "● " : "") + title;
      if (state !== "live") jump.hidden = true;
      if (changed || turned) say(words);
    },
  }, "stay" in turns.dataset);
}

// Forms.

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (form.method !== "post") return;
  event.preventDefault();
  if (form.dataset.busy) return;
  form.dataset.busy = "1";
  const note = $("[role=alert]", form);
  if (note) note.textContent = "";
  let trouble = "";
  try {
    const body = new URLSearchParams(new FormData(form, event.submitter));
    const answer = await fetch(form.getAttribute("action"), { method: "POST", body });
    if (answer.ok) {
      for (const field of all("[data-keep]", form)) { localStorage.removeItem(`moot:${field.dataset.keep}`); field.value = ""; }
      const made = $("output", form);
      if (made) made.textContent = await answer.text();
      if (answer.headers.get("location")) location.assign(answer.headers.get("location"));
    } else trouble = await answer.text();
  } catch {
    trouble = "The server cannot be reached; what you typed is kept.";
  }
  delete form.dataset.busy;
  if (note && trouble) { form.hidden = false; note.textContent = trouble; }
});

for (const field of all("[data-keep]")) {
  const key = `moot:${field.dataset.keep}`;
  field.value = localStorage.getItem(key) ?? field.value;
  field.addEventListener("input", () => localStorage.setItem(key, field.value));
}

// Turns: raw text, links, keys.

async function raw(button) {
  const turn = button.closest(".turn");
  const shown = $(".raw", turn);
  if (shown) { shown.remove(); turn.classList.remove("is-raw"); return; }
  const answer = await fetch(button.dataset.raw);
  if (!answer.ok || $(".raw", turn)) return;
  const text = Object.assign(document.createElement("pre"), { className: "raw", tabIndex: 0, dir: "auto" });
  text.textContent = await answer.text();
  $("header", turn).after(text);
  turn.classList.add("is-raw");
}

async function copy(turn) {
  const link = `${location.origin}${location.pathname}#${turn.id}`;
  try { await navigator.clipboard.writeText(link); say("Link copied"); } catch { location.hash = turn.id; }
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if ("raw" in button.dataset) raw(button);
  else if ("copy" in button.dataset) copy(button.closest(".turn"));
  else if ("help" in button.dataset) $("#help").showModal();
  else if ("themeToggle" in button.dataset) {
    const dark = document.documentElement.dataset.theme
      ? document.documentElement.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    document.documentElement.dataset.theme = dark ? "light" : "dark";
    document.cookie = `theme=${dark ? "light" : "dark"}; path=/; max-age=31536000; samesite=strict`;
  } else return;
  button.closest("details")?.removeAttribute("open");
});

document.addEventListener("click", (event) => {
  for (const menu of all("details.more[open]")) if (!menu.contains(event.target)) menu.removeAttribute("open");
});

function near() {
  const list = all(".turn");
  const held = document.activeElement?.closest?.(".turn");
  const first = held ?? list.find((turn) => turn.getBoundingClientRect().bottom > 60) ?? list.at(-1);
  return { list, turn: first, at: list.indexOf(first), held: Boolean(held) };
}

function go(turn) {
  if (!turn) return;
  turn.focus({ preventScroll: true });
  turn.scrollIntoView({ block: "start" });
}

const KEYS = {
  j: () => { const { list, at, held } = near(); go(list[Math.min(at + (held ? 1 : 0), list.length - 1)]); },
  k: () => { const { list, at } = near(); go(list[Math.max(at - 1, 0)]); },
  g: () => go(near().list[0]),
  G: () => go(near().list.at(-1)),
  "[": () => $(".beside a[rel=prev]", near().turn)?.click(),
  "]": () => $(".beside a[rel=next]", near().turn)?.click(),
  f: () => $("button[form=fork]", near().turn)?.click(),
  r: () => { const button = near().turn && $("[data-raw]", near().turn); if (button) raw(button); },
  c: () => { if (near().turn?.id) copy(near().turn); },
  "/": () => $(".find input")?.focus(),
  "?": () => $("#help").showModal(),
};

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest?.("input, textarea, select, [contenteditable]");
  if (event.key === "Escape") {
    for (const menu of all("details.more[open]")) menu.removeAttribute("open");
    if (typing) typing.blur();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || typing || $("dialog[open]") || event.isComposing) return;
  const act = Object.hasOwn(KEYS, event.key) && KEYS[event.key];
  if (act) { event.preventDefault(); act(); }
});

for (const section of all("[data-list]")) followList(section);
for (const turns of all("[data-live]")) followTurns(turns);
