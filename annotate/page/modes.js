// What is asked of an item, by its mode: how its answers are drawn, which keys choose, when it is
// complete, and what is sent. A task is {a: assignment, draft, raw, changed}; a draft is what somebody has
// chosen so far, kept by main.js across reloads.
import { content, element, part } from "/show.js";

const places = () => document.getElementById("places");
const choices = () => document.getElementById("choices");

function place(title, index) {
  const box = element("article", null, { class: "place", "data-place": index, "aria-labelledby": "place-" + index });
  const body = element("div", null, { class: "body", tabindex: "0", role: "region", "aria-label": title });
  box.append(element("h2", title, { id: "place-" + index }), body);
  places().append(box);
  return box;
}

const body = (box) => box.querySelector(".body");

function choice(task, key, words, is, set) {
  const button = element("button", null, { type: "button", "aria-pressed": "false" });
  button.append(element("kbd", key), " " + words);
  button.addEventListener("click", () => {
    set();
    task.changed();
  });
  button.is = is;
  button.dataset.key = key;
  choices().append(button);
}

function pressed() {
  for (const button of document.querySelectorAll("#choices button, ol.steps button")) button.setAttribute("aria-pressed", String(Boolean(button.is && button.is())));
}

// A key that stands on a button is that button.
function keyed(key) {
  const button = [...choices().children].find((one) => one.dataset.key === key);
  if (button) button.click();
  return Boolean(button);
}

const title = (i) => "Answer " + (i + 1);

// ---- two answers, or two runs with tools

const pair = {
  draw(task) {
    task.a.places.forEach((from, i) => content(body(place(title(i), i)), from, task.raw));
    const d = task.draft;
    const set = (verdict, at) => () => Object.assign(d, { verdict, place: at });
    task.a.places.forEach((from, i) => choice(task, String(i + 1), title(i) + " is better", () => d.verdict === "chosen" && d.place === i, set("chosen", i)));
    choice(task, "3", "About equal", () => d.verdict === "tie", set("tie", -1));
    choice(task, "4", "Both bad", () => d.verdict === "both_bad", set("both_bad", -1));
    this.redraw(task);
  },
  redraw(task) {
    pressed();
    for (const box of places().children) box.classList.toggle("chosen", task.draft.verdict === "chosen" && task.draft.place === Number(box.dataset.place));
  },
  ready: (task) => Boolean(task.draft.verdict),
  lacks: "Choose first: 1, 2, 3 or 4.",
  strength: (task) => task.draft.verdict === "chosen",
  key: (task, key) => keyed(key),
  say: (d) => (d.verdict === "chosen" ? { verdict: "chosen", place: d.place } : { verdict: d.verdict }),
  keys: [["1, 2", "this answer is better"], ["3", "about equal"], ["4", "both bad"]],
};

// ---- several answers, from best to worst; two may share a rank

const rank = {
  draw(task) {
    const n = task.a.places.length;
    task.draft.ranks = task.draft.ranks || Array(n).fill(0);
    task.a.places.forEach((from, i) => {
      const box = place(title(i), i);
      const select = element("select", null, { "aria-label": "Rank of " + title(i) });
      for (let r = 0; r <= n; r++) select.append(element("option", r ? "rank " + r + (r === 1 ? ", best" : "") : "no rank yet", { value: r }));
      select.addEventListener("change", () => {
        task.draft.ranks[i] = Number(select.value);
        task.changed();
      });
      box.querySelector("h2").append(select);
      content(body(box), from, task.raw);
    });
    choices().append(element("p", "Press the answers' numbers from the best to the worst, or give each a rank; equal ranks are ties.", { class: "state" }));
    this.redraw(task);
  },
  redraw(task) {
    for (const box of places().children) {
      box.querySelector("select").value = String(task.draft.ranks[Number(box.dataset.place)]);
      box.classList.toggle("chosen", task.draft.ranks[Number(box.dataset.place)] === 1);
    }
  },
  ready: (task) => task.draft.ranks.every((r) => r > 0),
  lacks: "Each answer needs a rank.",
  strength: () => false,
  key(task, key) {
    const ranks = task.draft.ranks;
    if (key === "Backspace") ranks.fill(0);
    else if (/^[1-9]$/.test(key) && Number(key) <= ranks.length) ranks[Number(key) - 1] = Math.max(0, ...ranks.filter((r, i) => i !== Number(key) - 1)) + 1;
    else return false;
    task.changed();
    return true;
  },
  say(d) {
    const levels = [...new Set(d.ranks)].sort((x, y) => x - y);
    return { verdict: "ranking", ranking: levels.map((level) => d.ranks.flatMap((r, i) => (r === level ? [i] : []))) };
  },
  keys: [["1 … 9", "this answer is the next best"], ["Backspace", "begin the ranking anew"]],
};

// ---- the first wrong step

const steps = {
  draw(task) {
    const list = element("ol", null, { class: "steps" });
    const d = task.draft;
    task.a.places[0].parts.forEach((from, i) => {
      const button = element("button", null, { type: "button", "aria-pressed": "false", "aria-label": "Step " + (i + 1) + " is the first wrong one" });
      button.is = () => d.step === i;
      button.append(element("span", String(i + 1), { class: "number" }), part(from, task.raw));
      button.addEventListener("click", () => {
        d.step = i;
        task.changed();
      });
      const item = element("li");
      item.append(button);
      list.append(item);
    });
    body(place("The steps of the answer", 0)).append(list);
    choice(task, "0", "Every step is right", () => d.step === -1, () => (d.step = -1));
    this.redraw(task);
  },
  redraw(task) {
    pressed();
    document.querySelectorAll("ol.steps li").forEach((item, i) => item.classList.toggle("after", task.draft.step >= 0 && i > task.draft.step));
  },
  ready: (task) => task.draft.step !== undefined,
  lacks: "Choose the first wrong step, or 0: every step is right.",
  strength: () => false,
  key(task, key) {
    const n = task.a.places[0].parts.length, now = task.draft.step === undefined ? -1 : task.draft.step;
    if (key === "0") return keyed("0");
    if (/^[1-9]$/.test(key) && Number(key) <= n) task.draft.step = Number(key) - 1;
    else if (key === "j" || key === "ArrowDown") task.draft.step = Math.min(n - 1, now + 1);
    else if (key === "k" || key === "ArrowUp") task.draft.step = Math.max(0, now - 1);
    else return false;
    task.changed();
    const button = document.querySelectorAll("ol.steps button")[task.draft.step];
    if (button) button.scrollIntoView({ block: "nearest" });
    return true;
  },
  say: (d) => ({ verdict: "step", step: d.step }),
  keys: [["1 … 9, j, k", "this step is the first wrong one"], ["0", "every step is right"]],
};

// ---- a better answer, written here

const rewrite = {
  draw(task) {
    const from = task.a.places[0], last = from.parts[from.parts.length - 1];
    content(body(place("The answer", 0)), from, task.raw);
    const box = body(place("Yours", 1));
    const area = element("textarea", null, { class: "rewrite", "aria-label": "Your better answer", spellcheck: "true" });
    if (task.draft.text === undefined) task.draft.text = last ? last.text : "";
    task.draft.was = last ? last.text : "";
    area.value = task.draft.text;
    area.addEventListener("input", () => {
      task.draft.text = area.value;
      task.changed();
    });
    box.removeAttribute("tabindex");
    box.append(area);
    choice(task, "1", "It is good as it is", () => task.draft.text === task.draft.was && task.draft.good, () => {
      task.draft.good = true;
      task.draft.text = area.value = task.draft.was;
    });
    choice(task, "e", "Edit", () => false, () => area.focus());
    this.redraw(task);
  },
  redraw: () => pressed(),
  ready: (task) => task.draft.text.trim() !== "" && (task.draft.good || task.draft.text !== task.draft.was),
  lacks: "Write a better answer (e), or say that it is good as it is (1).",
  strength: () => false,
  key: (task, key) => keyed(key),
  say: (d) => ({ verdict: "rewrite", text: d.text }),
  keys: [["e", "write; Esc leaves the text, Ctrl+Enter sends it"], ["1", "it is good as it is"]],
};

export const modes = { pair, trajectory: pair, rank, steps, rewrite };
