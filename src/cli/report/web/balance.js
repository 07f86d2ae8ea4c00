// How evenly the ranks are loaded: a bar for each rank, or for each group of neighbours.

// parts: [{name, kind, values}], stacked. loads: mean, most, average, largest, largest_rank.
function loadChart(balance, loads, parts, format, step) {
  const width = 560, height = 190, left = 66, bottom = 22, top = 10;
  const plotWidth = width - left - 4, plotHeight = height - top - bottom;
  const totals = loads.mean.map((mean, i) => parts.reduce((sum, part) => sum + part.values[i], 0));
  const most = Math.max(1e-12, ...totals, ...(loads.most || []), loads.average);
  const every = step(most, 3), scale = plotHeight / Math.max(most, every);
  const svg = s("svg", {viewBox: `0 0 ${width} ${height}`, role: "img", class: "loads"});
  for (let value = 0; value <= most * 1.0001; value += every) {
    const y = Math.round(top + plotHeight - value * scale) + 0.5;
    svg.append(s("line", {class: "grid", x1: left, x2: width - 4, y1: y, y2: y}),
               s("text", {x: left - 8, y: y + 4, "text-anchor": "end"}, format(value).replace(".0 ", " ")));
  }
  const count = loads.mean.length, slot = plotWidth / count, gap = slot > 12 ? 3 : slot > 4 ? 1 : 0.4;
  for (let i = 0; i < count; i++) {
    const first = i * balance.ranks_a_lane, size = Math.min(balance.ranks_a_lane, balance.ranks - first);
    const x = left + i * slot + gap / 2, group = s("g", {class: "load"});
    let base = top + plotHeight;
    for (const part of parts) {
      const tall = part.values[i] * scale;
      if (!(tall > 0)) continue;
      base -= tall;
      group.append(s("rect", {class: part.kind, x, y: base, width: Math.max(0.5, slot - gap), height: tall}));
    }
    if (loads.most) {
      const y = top + plotHeight - loads.most[i] * scale;
      group.append(s("line", {class: "most", x1: x, x2: x + Math.max(0.5, slot - gap), y1: y, y2: y}));
    }
    group.append(s("rect", {x: left + i * slot, y: top, width: slot, height: plotHeight, fill: "transparent"}));
    const lines = [ranksText(first, size) + (size > 1 ? ", mean" : "")].concat(
        parts.map((part) => (part.name ? part.name + ": " : "") + format(part.values[i])));
    if (loads.most) lines.push("largest: " + format(loads.most[i]));
    group.addEventListener("pointermove", (event) => tip.show(event, lines));
    group.addEventListener("pointerleave", tip.hide);
    svg.append(group);
  }
  const average = top + plotHeight - loads.average * scale;
  svg.append(s("line", {class: "average", x1: left, x2: width - 4, y1: average, y2: average}));
  for (const [index, anchor] of count > 1 ? [[0, "start"], [count - 1, "end"]] : [[0, "middle"]]) {
    const first = index * balance.ranks_a_lane, size = Math.min(balance.ranks_a_lane, balance.ranks - first);
    const x = anchor === "start" ? left : anchor === "end" ? width - 4 : left + plotWidth / 2;
    svg.append(s("text", {x, y: height - 6, "text-anchor": anchor}, ranksText(first, size)));
  }
  return svg;
}

function loadText(loads, format) {
  if (!(loads.largest > 0)) return "Nothing.";
  return `Mean ${format(loads.average)}, largest ${format(loads.largest)} (rank ${loads.largest_rank}): max/mean ` +
      (loads.largest / loads.average).toFixed(2) + ".";
}

function grouped(balance) {
  return balance.ranks_a_lane > 1
      ? ` Each bar is the mean of ${balance.ranks_a_lane} neighbouring ranks, the line above it the largest of them.` : "";
}

function legend(parts) {
  return h("div", {class: "legend"}, parts.map((part) => h("span", {class: "key"}, h("i", {class: part.kind}), part.name)));
}

function balanceSection(balance) {
  const secondsText = (value) => timeText(value * 1e6);
  const parts = balance.seconds.parts;
  const stacked = [
    {name: "staging", kind: "stage", values: parts.stage}, {name: "writing or reading", kind: "write", values: parts.move},
    {name: "verifying", kind: "verify", values: parts.verify}, {name: "waiting", kind: "wait", values: parts.wait},
  ].filter((part) => part.values.some((value) => value > 0));
  return section("balance", "Load balance",
      h("p", {class: "soft"}, "All operations together; the dashed line is the mean." + grouped(balance)),
      h("div", {class: "pair"},
        h("div", null, h("h3", null, "Bytes"), h("p", {class: "soft"}, loadText(balance.bytes, bytesText)),
          balance.bytes.total > 0 ? loadChart(balance, balance.bytes, [{name: "", kind: "write", values: balance.bytes.mean}], bytesText, byteStep)
                                  : empty("No bytes were moved.")),
        h("div", null, h("h3", null, "Seconds, of all threads of a rank"),
          h("p", {class: "soft"}, loadText(balance.seconds, secondsText) + " Waiting does not count."),
          stacked.length ? [loadChart(balance, balance.seconds, stacked, secondsText, niceStep),
                            h("div", {class: "controls"}, legend(stacked))] : empty("No transfers were recorded."))));
}
