// Elements, numbers as people read them, and the box that follows the pointer. All text goes in as text, never as markup.
function put(node, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    node.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
  return node;
}
function attributes(node, values) {
  for (const [name, value] of Object.entries(values || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "style") Object.assign(node.style, value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  return node;
}
function h(tag, values, ...children) { return put(attributes(document.createElement(tag), values), children); }
function s(tag, values, ...children) {
  return put(attributes(document.createElementNS("http://www.w3.org/2000/svg", tag), values), children);
}

function digits(value) {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}
function bytesText(bytes) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
  let unit = 0;
  while (bytes >= 1023.5 && unit + 1 < units.length) { bytes /= 1024; unit++; }
  return (unit === 0 ? Math.round(bytes) : bytes >= 100 ? bytes.toFixed(0) : bytes.toFixed(1)) + " " + units[unit];
}
function byteLabel(bytes) { return bytesText(bytes).replace(".0 ", " "); }   // of an axis
// Bytes and microseconds.
function rateText(bytes, time) { return time > 0 ? bytesText(bytes / time * 1e6) + "/s" : "-"; }
function timeText(time) {
  if (time === 0) return "0 s";
  if (time < 1000) return digits(time) + " \u00b5s";
  if (time < 1e6) return digits(time / 1e3) + " ms";
  if (time < 120e6) return digits(time / 1e6) + " s";
  const seconds = Math.round(time / 1e6), two = (n) => String(n).padStart(2, "0");
  if (seconds < 3600) return Math.floor(seconds / 60) + " min " + two(seconds % 60) + " s";
  return Math.floor(seconds / 3600) + " h " + two(Math.floor(seconds / 60) % 60) + " min";
}
function countText(count) { return String(count).replace(/\B(?=(\d{3})+$)/g, ","); }
function many(count, one, more) { return countText(count) + " " + (count === 1 ? one : more || one + "s"); }
function percent(part, whole) {
  if (!(whole > 0)) return "-";
  const value = 100 * part / whole;
  if (value > 0 && value < 0.1) return "< 0.1 %";
  return (value >= 9.95 || value === 0 ? value.toFixed(0) : value.toFixed(1)) + " %";
}
function ratioText(value) { return value > 0 ? (value >= 100 ? value.toFixed(0) : value.toFixed(2)) + "\u00d7" : "-"; }
function ranksText(first, count) { return count === 1 ? "rank " + first : "ranks " + first + "\u2013" + (first + count - 1); }

// Round steps that cut a length into about so many pieces; of bytes by powers of two.
function niceStep(length, pieces) {
  const raw = length / Math.max(1, pieces), power = Math.pow(10, Math.floor(Math.log10(raw)));
  for (const factor of [1, 2, 5]) if (power * factor >= raw) return power * factor;
  return power * 10;
}
function byteStep(most, pieces) { return Math.max(1, Math.pow(2, Math.floor(Math.log2(Math.max(1, most / pieces))))); }

const tip = {
  show(event, lines) {
    const box = document.getElementById("tip");
    box.replaceChildren(...lines.map((line, i) => h(i === 0 ? "b" : "div", null, line)));
    box.hidden = false;
    const gap = 14, right = event.clientX + gap + box.offsetWidth < innerWidth;
    const below = event.clientY + gap + box.offsetHeight < innerHeight;
    box.style.left = Math.max(4, right ? event.clientX + gap : event.clientX - gap - box.offsetWidth) + "px";
    box.style.top = Math.max(4, below ? event.clientY + gap : event.clientY - gap - box.offsetHeight) + "px";
  },
  hide() { document.getElementById("tip").hidden = true; },
};

function tile(name, value, under) {
  return h("div", {class: "tile"}, h("span", {class: "name"}, name), h("b", null, value), under ? h("span", null, under) : null);
}
function section(id, title, ...children) { return h("section", {id}, h("h2", null, title), children); }
function empty(text) { return h("p", {class: "empty"}, text); }
function facts(pairs) {
  return h("dl", {class: "facts"}, pairs.filter((pair) => pair[1] !== "" && pair[1] !== null).map(
      ([name, value]) => [h("dt", null, name), h("dd", null, value)]));
}
function path(text) { return h("span", {class: "path"}, text); }
function head(names) { return h("thead", null, h("tr", null, names.map(([name, kind]) => h("th", {class: kind, scope: "col"}, name)))); }
function bar(part, kind) {
  return h("div", {class: "track"}, h("span", {class: "bar " + (kind || ""), style: {width: Math.max(0, Math.min(100, 100 * part)) + "%"}}));
}
