// With the server: one function asks, one sends what must not be lost until the server has it.
let csrf = "";

export function token(text) {
  csrf = text || "";
}

export class Refused extends Error {
  constructor(status, data) {
    super((data && data.error) || "the server answers " + status);
    this.status = status;
  }
}

// A lost connection is a TypeError of fetch's; a refusal is Refused.
export async function ask(path, body) {
  const post = body !== undefined;
  const response = await fetch(path, {
    method: post ? "POST" : "GET",
    headers: post ? { "Content-Type": "application/json", "X-CSRF-Token": csrf } : {},
    body: post ? JSON.stringify(body) : undefined,
    credentials: "same-origin",
    cache: "no-store",
  });
  let data = null;
  try {
    data = await response.json();
  } catch (error) {
    data = null;
  }
  if (!response.ok) throw new Refused(response.status, data);
  return data;
}

// Is it worth asking again for the same? What is full, busy, gone or ending may be well in a while.
export function passing(error) {
  return !(error instanceof Refused) || error.status >= 500 || error.status === 429;
}

export function name() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

const wait = (ms) => new Promise((done) => setTimeout(done, ms));

// Until the server has it, or refuses it for good. `tell` hears of each try that failed.
export async function insist(path, body, tell) {
  for (let pause = 1; ; pause = Math.min(2 * pause, 15)) {
    try {
      return await ask(path, body);
    } catch (error) {
      if (!passing(error)) throw error;
      tell(error, pause);
      await Promise.race([wait(1000 * pause), new Promise((done) => addEventListener("online", done, { once: true }))]);
    }
  }
}

// What this browser keeps for one person: drafts, and the judgement on its way. A browser that keeps
// nothing (private, full) works without.
export const kept = {
  read(key) {
    try {
      return JSON.parse(localStorage.getItem("drover:" + key));
    } catch (error) {
      return null;
    }
  },
  write(key, value) {
    try {
      if (value === null) localStorage.removeItem("drover:" + key);
      else localStorage.setItem("drover:" + key, JSON.stringify(value));
      return true;
    } catch (error) {
      return false;
    }
  },
};
