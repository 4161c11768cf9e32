// Light or dark: the system's wish, until somebody chooses here. Loaded by both pages.
import { kept } from "/talk.js";

export function look() {
  const wish = kept.read("theme");
  if (wish) document.documentElement.dataset.theme = wish;
}

export function turn() {
  const dark = getComputedStyle(document.documentElement).colorScheme === "dark" ||
    (!document.documentElement.dataset.theme && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.dataset.theme = dark ? "light" : "dark";
  kept.write("theme", document.documentElement.dataset.theme);
}
