// Text of models on the page. The HTML is the server's (markdown.c), which lets nothing of a model's
// own through; raw text goes in as text. Scripts could not run anyway: the page's policy forbids them.

export function element(tag, words, attributes) {
  const made = document.createElement(tag);
  if (words !== undefined && words !== null) made.textContent = words;
  for (const [key, value] of Object.entries(attributes || {})) made.setAttribute(key, value);
  return made;
}

// One part, as HTML or raw.
export function part(from, raw) {
  if (raw) return element("pre", from.text, { class: "raw" });
  const box = element("div", null, { class: "html" });
  box.innerHTML = from.html;
  for (const link of box.querySelectorAll("a")) {
    link.target = "_blank";
    link.rel = "noopener noreferrer nofollow";
  }
  return box;
}

function folded(summary, inside) {
  const box = element("details", null, { class: "call" });
  box.append(element("summary", summary), inside);
  return box;
}

function message(from, raw) {
  const box = element("div", null, { class: "message " + (from.role === "tool" ? "tool" : "") });
  if (from.role === "tool") {
    box.append(folded("Result" + (from.name ? " of " + from.name : ""), part(from, true)));
    return box;
  }
  box.append(element("p", from.role, { class: "role" }));
  if (from.text) box.append(part(from, raw));
  for (const call of from.calls || []) box.append(folded("Call " + (call.name || ""), element("pre", call.arguments, { class: "raw" })));
  return box;
}

// A whole prompt or answer into `box`.
export function content(box, from, raw) {
  box.replaceChildren();
  if (!from) return;
  for (const one of from.parts) {
    if (from.kind === "messages") box.append(message(one, raw));
    else box.append(part(one, raw));
  }
}
