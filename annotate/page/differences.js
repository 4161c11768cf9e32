// Words that one answer has and the other has not, by their longest common subsequence, marked where
// they stand. Texts beyond some thousand words are compared up to there, and that is said.
const MOST = 3000;

function words(box) {
  const found = [];
  const walk = document.createTreeWalker(box, NodeFilter.SHOW_TEXT);
  for (let node = walk.nextNode(); node; node = walk.nextNode())
    for (const match of node.data.matchAll(/\S+/g)) found.push({ node, at: match.index, text: match[0], same: false });
  return found;
}

function compare(a, b) {
  const n = Math.min(a.length, MOST), m = Math.min(b.length, MOST);
  const best = new Uint16Array((n + 1) * (m + 1));
  for (let i = n - 1; i >= 0; i--)
    for (let j = m - 1; j >= 0; j--)
      best[i * (m + 1) + j] = a[i].text === b[j].text ? best[(i + 1) * (m + 1) + j + 1] + 1
        : Math.max(best[(i + 1) * (m + 1) + j], best[i * (m + 1) + j + 1]);
  for (let i = 0, j = 0; i < n && j < m; )
    if (a[i].text === b[j].text) {
      a[i++].same = true;
      b[j++].same = true;
    } else if (best[(i + 1) * (m + 1) + j] >= best[i * (m + 1) + j + 1]) i++;
    else j++;
}

// From the last word of a node to the first, so that what stands before keeps its place.
function mark(all) {
  for (let i = Math.min(all.length, MOST) - 1; i >= 0; i--) {
    if (all[i].same) continue;
    const range = document.createRange();
    range.setStart(all[i].node, all[i].at);
    range.setEnd(all[i].node, all[i].at + all[i].text.length);
    range.surroundContents(document.createElement("mark"));
  }
}

// Returns what to say about it.
export function differences(left, right) {
  const a = words(left), b = words(right);
  compare(a, b);
  mark(a);
  mark(b);
  const changed = [...a, ...b].filter((word) => !word.same).length;
  if (a.length > MOST || b.length > MOST) return "The first " + MOST + " words are compared.";
  return changed ? changed + " words differ, underlined." : "The two have the same words.";
}
