// The page of who runs the study: asks for the figures while it is looked at.
import { ask, token } from "/talk.js";
import { element } from "/show.js";
import { look, turn } from "/look.js";

const get = (id) => document.getElementById(id);
const when = (ms) => (ms ? new Date(ms).toLocaleString([], { dateStyle: "short", timeStyle: "short" }) : "never");
let names = {};

function trouble(words) {
  get("trouble").hidden = !words;
  get("trouble").textContent = words || "";
}

async function attempt(work) {
  try {
    trouble("");
    return await work();
  } catch (error) {
    trouble(error.message);
    return null;
  }
}

function figures(box, rows) {
  box.replaceChildren(...rows.map(([words, value]) => {
    const one = element("div");
    one.append(element("dt", words), element("dd", value));
    return one;
  }));
}

function row(cells) {
  const made = element("tr");
  made.append(...cells.map((cell) => {
    const td = element("td", cell instanceof Node ? null : cell);
    if (cell instanceof Node) td.append(cell);
    return td;
  }));
  return made;
}

function select(words, value, label, set) {
  const box = element("select", null, { "aria-label": label });
  for (const word of words) box.append(element("option", word));
  box.value = value;
  box.addEventListener("change", () => attempt(async () => {
    await set(box.value);
    refresh();
  }));
  return box;
}

const change = (id, what) => ask("/api/admin/person", { id, ...what });

// What somebody has opened in a list stays open: rows are made anew only when they changed.
let seen = "";
function people(list) {
  names = Object.fromEntries(list.map((one) => [one.id, one.name]));
  const text = JSON.stringify(list);
  if (text === seen || (document.activeElement && document.activeElement.closest("#people"))) return;
  seen = text;
  get("people").replaceChildren(...list.map((p) => row([p.name || "(forgotten)",
    select(["annotator", "reviewer", "admin"], p.role, "Role of " + p.name, (role) => change(p.id, { role })), p.judged, p.skipped,
    p.gold ? p.gold_right + " of " + p.gold : "–", when(p.last),
    p.standing === "forgotten" ? p.standing : select(["active", ...(p.standing === "paused" ? ["paused"] : []), "held", "closed"], p.standing, "State of " + p.name, (standing) => change(p.id, { standing }))])));
}

const states = { joining: "has not answered yet", here: "is here", away: "does not answer: people judge on", over: "is over", busy: "has another annotator: pairs go there", refused: "lets this annotator in no more: people judge on" };

function run(fleet) {
  get("fleet").hidden = !fleet;
  if (!fleet) return;
  get("fleet-words").textContent = (fleet.run ? "Run " + fleet.run.slice(0, 8) : "The fleet") + " " + (states[fleet.state] || fleet.state) + "." + (fleet.others ? " " + fleet.others + " judgements wait for other runs." : "");
  figures(get("fleet-figures"), [["Newest version", fleet.newest], ["Pairs", fleet.pairs], ["Wait for people", fleet.waiting], ["Of them too old to learn from", fleet.late], ["Judgements on their way", fleet.outbox]]);
}

async function refresh() {
  const data = await attempt(() => ask("/api/admin/state"));
  if (!data) return;
  const p = data.progress;
  get("bar").max = p.wanted || 1;
  get("bar").value = p.judged;
  get("count").textContent = p.judged + " of " + p.wanted + " planned judgements";
  figures(get("figures"), [["Items", p.items], ["Finished", p.finished], ["Judged by plan", p.judged + " / " + p.wanted], ["Asked for more", p.extra],
    ["Open now", p.open], ["People differ", p.differ], ["Decided by review", p.adjudicated], ["Gold answers", p.golds], ["Repeats", p.repeats], ["Skips", p.skips]]);
  people(data.people);
  run(data.fleet);
  agreement();
}

const percent = (value) => (value === null || value === undefined ? "–" : (100 * value).toFixed(1) + " %");
const interval = (one, as) => (one && one.value !== null && one.value !== undefined ? as(one.value) + (one.low !== null && one.low !== undefined ? " [" + as(one.low) + ", " + as(one.high) + "]" : "") : "–");

// A process of its own makes them now and then; until then these are the last ones, with their time.
async function agreement() {
  const data = await attempt(() => ask("/api/admin/agreement"));
  if (!data) return;
  const of = data.agreement;
  const three = (value) => value.toFixed(3);
  get("agreement-words").textContent = !of ? "Not computed yet." : of.why || "Planned judgements alone; as of " + when(data.at) + (data.fresh ? "." : ", being renewed.");
  figures(get("agreement"), !of || of.why ? [] : [["Pairs that agree", interval(of.percent, percent)], ["Krippendorff's α", interval(of.krippendorff_alpha, three)], ["Items with two or more", of.items], ["Annotators", of.annotators]]);
  raters(of && !of.why ? of : null);
}

const share = (one) => (one && one.n ? interval(one, percent) + " of " + one.n : "–");

// A bias is named where its test says so, after Holm over all people; else only its share is shown.
function raters(of) {
  const list = (of && of.by_annotator) || [];
  get("raters-card").hidden = !list.length;
  get("raters").replaceChildren(...list.map((one) => row([one.name, interval(one.agreement, percent), share(one.gold), share(one.self),
    share(one.left) + (one.left.p_holm < 0.05 ? " (bias)" : ""), share(one.longer) + (one.longer.p_holm < 0.05 ? " (bias)" : ""),
    one.reliability === null ? "–" : one.reliability.toFixed(2), one.seconds === null ? "–" : one.seconds.toFixed(1)])));
  const found = (of && of.disagreements && of.disagreements.found) || [];
  get("raters-words").textContent = found.slice(0, 10).map((one) => one.a + " and " + one.b + " disagree by " + one.on + " (n = " + one.n + ", p = " + one.p_holm.toPrecision(2) + " after Holm).").join(" ");
}

async function lists() {
  const [invites, audit] = (await attempt(() => Promise.all([ask("/api/admin/invites"), ask("/api/admin/audit")]))) || [];
  if (!invites) return;
  const now = Date.now();
  get("invites").replaceChildren(...invites.invites.map((one) => {
    const drop = element("button", "Withdraw", { type: "button" });
    drop.addEventListener("click", () => attempt(async () => {
      await ask("/api/admin/uninvite", { id: one.id });
      lists();
    }));
    const open = !one.used && one.expires > now;
    return row([one.label || "–", one.role, one.used ? "used " + when(one.used) : open ? "good until " + when(one.expires) : "expired", open ? drop : ""]);
  }));
  get("audit").replaceChildren(...audit.audit.map((one) => row([when(one.at), one.annotator ? names[one.annotator] || one.annotator : "terminal", one.action, one.subject || ""])));
}

// What a new version begins with.
async function written() {
  const there = await attempt(() => ask("/api/admin/guideline_text"));
  const area = document.querySelector("#guide-form textarea");
  if (there && !area.value) area.value = there.text;
}

async function begin() {
  look();
  get("theme-button").addEventListener("click", turn);
  const me = await attempt(() => ask("/api/me"));
  if (!me) return;
  if (me.role !== "admin") return trouble(me.name === null ? "Log in first: on the page of items." : "This page is for admins.");
  token(me.csrf);
  get("invite-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const said = Object.fromEntries(new FormData(event.target));
    attempt(async () => {
      const made = await ask("/api/admin/invite", { role: said.role, label: said.label, hours: Number(said.hours) });
      get("invite-link").hidden = false;
      get("invite-link").value = made.link;
      get("invite-link").select();
      get("invite-words").textContent = "Send this link to one person. It is shown only now, and lets somebody in once, until " + when(made.expires) + ".";
      lists();
    });
  });
  get("guide-form").addEventListener("submit", (event) => {
    event.preventDefault();
    attempt(async () => {
      const made = await ask("/api/admin/guideline", { text: new FormData(event.target).get("text") });
      get("guide-words").textContent = "Saved as version " + made.version + ".";
      lists();
    });
  });
  get("export-form").addEventListener("submit", (event) => {
    event.preventDefault();
    location.href = "/api/admin/export?" + new URLSearchParams(new FormData(event.target));
  });
  await refresh();
  lists();
  written();
  setInterval(() => document.hidden || refresh(), 5000);
  setInterval(() => document.hidden || lists(), 30000);
}
begin();
