// The page of those who judge. One item at a time: draw it, keep what is chosen as a draft in this
// browser, send it under an id of its own until the server has it, and only then say "saved".
import { ask, insist, kept, name, passing, Refused, token } from "/talk.js";
import { content, element } from "/show.js";
import { modes } from "/modes.js";
import { differences } from "/differences.js";
import { look, turn } from "/look.js";

const get = (id) => document.getElementById(id);
const sections = ["door", "purpose", "rest", "review", "task"];
let me = null, task = null, busy = false, last = null, active = Date.now(), beat = 0;

function show(id) {
  for (const one of sections) get(one).hidden = one !== id;
}

function trouble(words) {
  get("trouble").hidden = !words;
  get("trouble").textContent = words || "";
}

// Where Enter means "next": not on the button that was pressed last.
const home = () => get("main").focus({ preventScroll: true });

function state(words, kind) {
  get("state").className = "state " + (kind || "");
  get("state").textContent = words;
}

const waits = (error, pause) =>
  state((error instanceof Refused ? error.message + ". " : "No connection. ") + "Not saved yet; it is kept in this browser. Trying again in " + pause + " s.", "waits");

// ---- coming in

// Secrets leave the address at once: no history, no bookmark, no look over a shoulder has them.
function fragment() {
  const found = /^#(token|invite)=([0-9a-f]+)$/.exec(location.hash);
  if (location.hash) history.replaceState(null, "", location.pathname);
  return found ? { [found[1]]: found[2] } : {};
}

function entered(data) {
  me = data;
  token(me.csrf);
  trouble("");
  get("tools").hidden = get("progress").hidden = false;
  get("guide-button").hidden = !me.guideline;
  get("admin-link").hidden = me.role !== "admin";
  get("title").textContent = me.run ? "Answers of run " + me.run.slice(0, 8) : "drover annotate";
  get("review-button").hidden = get("rest-review").hidden = me.role === "annotator";
  guideline(false);
  purpose();
}

function door(words, join) {
  me = null;
  get("tools").hidden = get("progress").hidden = true;
  get("door-words").textContent = words;
  get("join-form").hidden = !join;
  get("login-form").hidden = Boolean(join);
  show("door");
}

function enter(form, path, more) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const said = Object.fromEntries([...new FormData(form)].filter(([, value]) => value !== ""));
    try {
      entered(await ask(path, { ...said, ...more() }));
      form.reset();
    } catch (error) {
      get("door-words").textContent = error.message;
    }
  });
}

async function begin() {
  look();
  const { token: once, invite } = fragment();
  enter(get("login-form"), "/api/login", () => ({}));
  enter(get("join-form"), "/api/join", () => ({ invite }));
  try {
    if (once) return entered(await ask("/api/enter", { token: once }));
    if (invite) {
      const { role } = await ask("/api/invited", { invite });
      return door("You are invited to take part, as " + role + ". This link lets one person in, once.", true);
    }
  } catch (error) {
    door(error.message);
  }
  try {
    const data = await ask("/api/me");
    if (data.name !== null) entered(data);
    else if (!invite && !once) door("Log in, or open the address that the terminal or your invitation shows.");
  } catch (error) {
    trouble("The server does not answer: " + error.message + ". Load the page again in a moment.");
  }
}

// A session that is over: what is on its way stays in this browser.
function out(error) {
  if (!(error instanceof Refused) || error.status !== 403) return false;
  door("You are not logged in any more. What you had chosen is kept in this browser.");
  return true;
}

// ---- what is read before

function purpose() {
  const words = me.study.purpose;
  if (!words || kept.read("purpose") === words) return start();
  get("purpose-words").innerHTML = words;
  show("purpose");
  get("begin-button").focus();
}

// The guidelines come behind the purpose: on a phone they would stand over it.
function start() {
  guideline(true);
  next();
}

function guideline(open) {
  if (!me.guideline) return;
  get("guide-words").innerHTML = me.guideline.html;
  const fresh = kept.read("guideline") !== me.guideline.version;
  get("guide-button").classList.toggle("main", fresh);
  if (fresh && open) guide(true);
}

function guide(open) {
  get("guide").hidden = !open;
  get("guide-button").setAttribute("aria-expanded", String(open));
  if (open) {
    kept.write("guideline", me.guideline.version);
    get("guide-button").classList.remove("main");
    get("guide-close").focus();
  } else home();
}

// ---- an item

// The one that is shown is among what is to go, which is about so many: when nothing comes any more, none is.
function progress(p, offer) {
  if (!p) return;
  const left = offer === "given" ? Math.max(p.left, 1) : offer === "finished" ? 0 : p.left, all = p.done + left;
  get("bar").max = all || 1;
  get("bar").value = p.done;
  get("count").textContent = p.done + " done" + (left ? ", " + left + " to go" : "");
}

const rests = {
  finished: ["Everything is done", "There is nothing left for you. Thank you.", "Look again"],
  later: ["Nothing right now", "What is left is with others at the moment; some of it may come back.", "Look again"],
  paused: ["Paused", "Take your time: nothing is lost, and nobody counts pauses.", "Go on"],
  held: ["Paused by an admin", "Nothing new comes until an admin ends that. What you have judged is kept.", "Look again"],
};

function rest(offer, run) {
  const [title, words, button] = rests[offer];
  task = null;
  get("rest-title").textContent = title;
  get("rest-words").textContent = words;
  get("rest-button").textContent = button;
  get("rest-button").dataset.offer = offer;
  show("rest");
  get("rest-button").focus();
  again(offer, run);
}

// Of a run more comes as it learns, until it is over: whoever waits for it need not ask.
function again(offer, run) {
  if (!run || offer === "paused") return;
  get("rest-title").textContent = run === "over" ? "Everything is done" : "Nothing right now";
  get("rest-words").textContent = run === "over" ? "The run is over: it sends nothing any more. Thank you." : "The run sends more answers as it learns. This page looks again by itself.";
  setTimeout(() => { if (me && !task && !get("rest").hidden && get("rest-button").dataset.offer === offer) next(); }, 5000);
}

// What was on its way when the page was left goes first.
async function flush() {
  const left = kept.read("sending");
  if (!left || left.person !== me.id) return;
  show("task");
  try {
    await insist("/api/judge", left.body, waits);
    state("Saved what was on its way.", "saved");
  } catch (error) {
    if (error.status === 403) throw error;
    trouble("One judgement from before was not taken: " + error.message);
  }
  kept.write("sending", null);
  kept.write("draft", null);
}

async function next() {
  try {
    await flush();
    receive(await insist("/api/next", {}, (error, pause) => trouble(error.message + ": trying again in " + pause + " s.")));
  } catch (error) {
    if (!out(error)) trouble(error.message);
  }
}

function receive(data, before) {
  trouble("");
  progress(data.progress, data.offer);
  if (data.offer !== "given") return rest(data.offer, data.run);
  draw(data.assignment, data.said, before);
  if (me.guideline && data.guideline > me.guideline.version) ask("/api/me").then((fresh) => { me = fresh; token(me.csrf); guideline(true); });
}

function draw(a, said, before) {
  const draft = kept.read("draft");
  const mine = before || (draft && draft.assignment === a.id && draft.person === me.id ? draft.draft : null);
  task = { a, said, raw: get("raw-button").getAttribute("aria-pressed") === "true", begun: Date.now(), seen: 0, changed };
  task.draft = mine || { id: name(), criteria: a.places.map(() => ({})), flags: [] };
  beat = a.expires;
  show("task");
  redraw();
  window.scrollTo(0, 0);
  home();
}

function changed() {
  const kind = kept.write("draft", { person: me.id, assignment: task.a.id, draft: task.draft });
  modes[task.a.mode].redraw(task);
  extra();
  state(kind ? "" : "This browser keeps nothing: a reload would lose what you chose.");
}

function redraw() {
  get("places").replaceChildren();
  get("choices").replaceChildren();
  content(get("prompt"), task.a.prompt, task.raw);
  get("prompt").hidden = !task.a.prompt;
  heard();
  modes[task.a.mode].draw(task);
  if (get("differences-button").getAttribute("aria-pressed") === "true") compare();
  get("differences-button").hidden = task.a.places.length !== 2;
  get("extra").replaceChildren();
  extra();
  state(task.draft.verdict ? "A draft from before: Enter sends it." : "");
}

function compare() {
  const [left, right] = document.querySelectorAll("#places .body");
  if (left && right && task.a.places.length === 2) state(differences(left, right));
}

// What others said, for who decides.
function heard() {
  get("said").hidden = !task.said;
  get("said").replaceChildren();
  if (!task.said) return;
  const list = element("ul");
  for (const one of task.said) {
    const words = { chosen: "Answer " + (one.place + 1) + " is better", tie: "about equal", both_bad: "both bad", step: one.step < 0 ? "every step is right" : "step " + (one.step + 1) + " is the first wrong one" };
    const ranking = one.ranking && one.ranking.map((level) => level.map((place) => "Answer " + (place + 1)).join(" = ")).join(", then ");
    list.append(element("li", (ranking || words[one.verdict] || one.verdict) + (one.reason ? ": " + one.reason : "")));
  }
  get("said").append(element("h2", "What people said"), list);
}

// ---- strength, scores, reason, flags

function radios(legend, key, names, value, set) {
  const box = element("fieldset");
  box.append(element("legend", legend));
  names.forEach(([number, words]) => {
    const label = element("label"), input = element("input", null, { type: "radio", name: key, value: number });
    input.checked = value === number;
    input.addEventListener("change", () => set(number));
    label.append(input, " " + words);
    box.append(label);
  });
  return box;
}

function extra() {
  const strength = me.study.strength && modes[task.a.mode].strength(task);
  if (get("extra").childElementCount && Boolean(get("extra").querySelector("[name=strength]")) === Boolean(strength)) return;
  const d = task.draft, box = get("extra");
  box.replaceChildren();
  if (strength)
    box.append(radios("How much better? (7, 8, 9)", "strength", [[1, "slightly"], [2, "clearly"], [3, "much"]], d.strength, (number) => { d.strength = number; changed(); }));
  for (const criterion of me.study.criteria) scores(box, criterion);
  if (me.study.reasons) {
    const label = element("label", "Why? (optional)", { class: "reason" });
    const area = element("textarea", null, { rows: "1", maxlength: "4000", id: "reason" });
    area.value = d.reason || "";
    area.addEventListener("input", () => { d.reason = area.value; changed(); });
    label.append(area);
    box.append(label);
  }
  const flags = element("fieldset");
  flags.append(element("legend", "Something is wrong with this item (f)"));
  for (const [flag, words] of [["unsafe", "unsafe"], ["personal", "personal data"], ["broken", "broken"]]) {
    const label = element("label"), input = element("input", null, { type: "checkbox", value: flag });
    input.checked = d.flags.includes(flag);
    input.addEventListener("change", () => { d.flags = d.flags.filter((one) => one !== flag).concat(input.checked ? [flag] : []); changed(); });
    label.append(input, " " + words);
    flags.append(label);
  }
  box.append(flags);
}

function scores(box, criterion) {
  const set = element("fieldset");
  set.append(element("legend", criterion));
  task.a.places.forEach((from, i) => {
    const label = element("label", (task.a.places.length > 1 ? "Answer " + (i + 1) + " " : "")), select = element("select");
    for (const value of ["", 1, 2, 3, 4, 5]) select.append(element("option", value === "" ? "–" : value, { value }));
    select.value = task.draft.criteria[i][criterion] || "";
    select.addEventListener("change", () => {
      if (select.value) task.draft.criteria[i][criterion] = Number(select.value);
      else delete task.draft.criteria[i][criterion];
      changed();
    });
    label.append(select);
    set.append(label);
  });
  box.append(set);
}

// ---- sending

function shown() {
  return Math.round(task.seen + (document.hidden ? 0 : Date.now() - task.begun));
}

async function send(said) {
  if (busy || !task) return;
  busy = true;
  get("next-button").disabled = get("skip-button").disabled = true;
  const d = task.draft, one = task;
  const body = { id: d.id, assignment: task.a.id, shown_ms: shown(), reason: d.reason || undefined, flags: d.flags, ...said };
  if (said.verdict !== "skip") {
    body.criteria = d.criteria;
    if (me.study.strength && d.strength && modes[task.a.mode].strength(task)) body.strength = d.strength;
  }
  kept.write("sending", { person: me.id, body });
  state("Saving …");
  try {
    const data = await insist("/api/judge", body, waits);
    finished(one, data.again ? "It was saved already." : "Saved.");
  } catch (error) {
    kept.write("sending", null);
    if (error.status === 409 || error.status === 404) finished(one, "This item was judged before (in another tab?): nothing was changed.");
    else if (!out(error)) state("Not saved: " + error.message, "waits");
  }
  busy = false;
  get("next-button").disabled = get("skip-button").disabled = false;
}

async function finished(one, words) {
  last = { assignment: one.a.id, draft: one.draft };
  kept.write("sending", null);
  kept.write("draft", null);
  if (one.said) await review();
  else await next();
  if (task) state(words, "saved");
}

function submit() {
  if (!task) return;
  const mode = modes[task.a.mode];
  if (!mode.ready(task)) state(mode.lacks, "waits");
  else send(mode.say(task.draft));
}

async function undo() {
  if (busy || !me) return;
  busy = true;
  const id = name();
  try {
    const data = await insist("/api/undo", { id }, waits);
    const before = last && data.assignment && last.assignment === data.assignment.id ? { ...last.draft, id: name() } : undefined;
    receive(data, before);
    state("Taken back: the same item, the same sides.");
  } catch (error) {
    if (!out(error)) (task ? state : trouble)(error.message);
  }
  busy = false;
}

// Somebody who is there keeps the item; somebody who went leaves it to others when the lease is over.
setInterval(async () => {
  if (!task || document.hidden || Date.now() - active > 600000) return;
  const lease = task.a.expires - task.a.given;
  if (beat - Date.now() > (2 * lease) / 3) return;
  try {
    beat = (await ask("/api/extend", { assignment: task.a.id })).expires;
  } catch (error) {
    beat = Date.now() + lease;
  }
}, 20000);

// ---- reviewing

async function review() {
  try {
    const queue = await ask("/api/review/queue");
    get("review-words").textContent = queue.n ? queue.n + (queue.n === 1 ? " item waits" : " items wait") + " for a decision." : "Nothing waits for a decision.";
    get("review-list").replaceChildren(...queue.items.map((one) => {
      const row = element("li"), button = element("button", one.prompt || "item " + one.item, { type: "button" });
      button.addEventListener("click", async () => {
        try {
          receive(await ask("/api/review/take", { item: one.item }));
        } catch (error) {
          get("review-words").textContent = error.message;
        }
      });
      row.append(button);
      return row;
    }));
    task = null;
    show("review");
  } catch (error) {
    if (!out(error)) trouble(error.message);
  }
}

// ---- keys and buttons

function toggle(id) {
  const button = get(id), on = button.getAttribute("aria-pressed") !== "true";
  button.setAttribute("aria-pressed", String(on));
  if (!task) return;
  task.raw = get("raw-button").getAttribute("aria-pressed") === "true";
  redraw();
  home();
}

function help() {
  const rows = [...(task ? modes[task.a.mode].keys : []), ["Enter", "next: sends your choice"], ["s", "skip this item"], ["u", "take the last one back"],
    ["7, 8, 9", "slightly, clearly, much better"], ["f", "something is wrong with this item"], ["w", "write why"], ["d", "mark differences"], ["r", "text as it was written"],
    ["g", "guidelines"], ["p", "pause"], ["Esc", "leave a text; close a panel"]];
  get("help-keys").replaceChildren(...rows.map(([key, words]) => {
    const row = element("tr"), head = element("th", null, { scope: "row" });
    head.append(element("kbd", key));
    row.append(head, element("td", words));
    return row;
  }));
  get("help").showModal();
}

async function pause(on) {
  try {
    await ask("/api/pause", { paused: on });
    if (on) rest("paused");
    else next();
  } catch (error) {
    if (!out(error)) trouble(error.message);
  }
}

const deeds = {
  s: () => task && send({ verdict: "skip" }),
  u: undo,
  "?": help,
  g: () => me && me.guideline && guide(get("guide").hidden),
  d: () => toggle("differences-button"),
  r: () => toggle("raw-button"),
  p: () => pause(true),
  f: () => get("extra").querySelector("[type=checkbox]").focus(),
  w: () => get("reason") && get("reason").focus(),
};

function typing(target) {
  return target.matches("textarea, select, input:not([type=checkbox]):not([type=radio])");
}

function key(event) {
  active = Date.now();
  if (!me || event.altKey || event.metaKey || get("help").open) return;
  if (event.key === "Escape") {
    if (get("menu").open) get("menu").open = false;
    else if (!get("guide").hidden) guide(false);
    else if (typing(event.target)) event.target.blur();
    return;
  }
  if (event.key === "Enter" && event.ctrlKey) return event.preventDefault(), submit();
  if (event.ctrlKey || typing(event.target)) return;
  const button = event.target.closest("button, a, summary");
  if (event.key === "Enter" && task && (!button || button.closest("#choices, .steps")) && !event.repeat) return event.preventDefault(), submit();
  if (task && /^[789]$/.test(event.key) && get("extra").querySelector("[name=strength]")) {
    task.draft.strength = Number(event.key) - 6;
    get("extra").querySelector("[name=strength][value='" + task.draft.strength + "']").checked = true;
    return changed();
  }
  if (task && !get("task").hidden && modes[task.a.mode].key(task, event.key)) return event.preventDefault();
  if (deeds[event.key] && !event.repeat) {
    event.preventDefault();
    deeds[event.key]();
  }
}

document.addEventListener("keydown", key);
for (const kind of ["pointerdown", "scroll", "input"]) document.addEventListener(kind, () => (active = Date.now()), { passive: true, capture: true });
document.addEventListener("visibilitychange", () => {
  if (!task) return;
  if (document.hidden) task.seen += Date.now() - task.begun;
  task.begun = Date.now();
});
for (const id of ["answer", "extra"])
  get(id).addEventListener("submit", (event) => {
    event.preventDefault();
    submit();
  });
get("undo-button").addEventListener("click", undo);
get("rest-undo").addEventListener("click", undo);
get("skip-button").addEventListener("click", deeds.s);
get("help-button").addEventListener("click", help);
get("raw-button").addEventListener("click", deeds.r);
get("differences-button").addEventListener("click", deeds.d);
get("guide-button").addEventListener("click", deeds.g);
get("guide-close").addEventListener("click", () => guide(false));
get("theme-button").addEventListener("click", turn);
get("pause-button").addEventListener("click", () => pause(true));
for (const id of ["review-button", "rest-review"]) get(id).addEventListener("click", review);
get("review-back").addEventListener("click", next);
get("rest-button").addEventListener("click", (event) => (event.target.dataset.offer === "paused" ? pause(false) : next()));
get("begin-button").addEventListener("click", () => {
  kept.write("purpose", me.study.purpose);
  start();
});
get("menu").addEventListener("click", (event) => event.target.closest("button") && (get("menu").open = false));
get("logout-button").addEventListener("click", async () => {
  try {
    await ask("/api/logout", {});
  } catch (error) {
    if (passing(error)) return trouble(error.message);
  }
  token("");
  door("You are logged out.");
});
begin();
