// The timeline: operations and bandwidth above, a lane for each rank (or group of neighbours) below, one window of time for all.
const LABEL = 96, RIGHT = 12, OPERATIONS_Y = 26, OPERATION_HEIGHT = 20, CHART_HEIGHT = 104;
const LEAST_WINDOW = 1;   // microseconds

class Timeline {
  constructor(data, total) {
    this.data = data;
    this.total = Math.max(total, LEAST_WINDOW);
    this.edges = data.timeline.edges;
    this.lanes = data.timeline.lanes.map((lane) => data.timeline.exact ? new ExactLane(lane) : new BinnedLane(lane, this.edges));
    this.phaseNames = data.phase_names;
    const tall = this.lanes.length <= 8 ? 52 : this.lanes.length <= 16 ? 44 : this.lanes.length <= 32 ? 34 : 27;
    const phases = this.lanes.some((lane) => lane.phases.length > 0) && tall >= 34 ? (tall >= 44 ? 13 : 8) : 0;
    this.rows = {tall, phases, track: (tall - 6 - phases - 2) / TRACKS};
    this.slots = this.slotsOfOperations();
    this.chartTop = OPERATIONS_Y + Math.max(1, this.slots.length) * OPERATION_HEIGHT + 12;
    this.headHeight = this.chartTop + CHART_HEIGHT + 10;
    this.view = {from: 0, to: this.total};
    this.section = this.makeSection();
    if (!this.edges.length) return;
    new ResizeObserver(() => this.ask()).observe(this.drawing);
    addEventListener("beforeprint", () => this.draw());
  }

  // Operations that overlap lie below each other.
  slotsOfOperations() {
    const ends = [];
    for (const operation of [...this.data.operations.shown].sort((a, b) => a.begin - b.begin)) {
      operation.slot = ends.findIndex((end) => end <= operation.begin);
      if (operation.slot < 0) operation.slot = Math.min(ends.length, 5);
      ends[operation.slot] = Math.max(ends[operation.slot] || 0, operation.end);
    }
    return ends;
  }

  makeSection() {
    if (!this.edges.length) return section("timeline", "Timeline", empty("The trace has no spans: no take and no restore ran while it was written."));
    this.head = s("svg", {class: "pick", role: "img", "aria-label": "Operations and bandwidth over time"});
    this.body = s("svg", {role: "img", "aria-label": "What each rank did over time"});
    this.window = h("span", {class: "soft"});
    this.drawing = h("div", {class: "drawing time", tabindex: 0}, this.head, h("div", {class: "lanes"}, this.body));
    this.listen();
    const used = ["stage", "write", "read", "verify"].filter((key) => this.uses(key));
    const parts = used.map((key) => ({kind: key, name: ACTIVITIES.find((activity) => activity.key === key).name}))
        .concat({kind: "wait", name: "waiting"});
    if (this.lanes.some((lane) => lane.phases.length > 0) && this.rows.phases) parts.push({kind: "phase-a", name: "phases"});
    const step = (factor) => () => this.zoom(factor, (this.view.from + this.view.to) / 2);
    const shift = (part) => () => this.pan(part * (this.view.to - this.view.from));
    const button = (text, title, onclick) => h("button", {type: "button", title, "aria-label": title, onclick}, text);
    const grouped = this.data.timeline.ranks_a_lane > 1
        ? ` Each lane is a group of ${this.data.timeline.ranks_a_lane} neighbouring ranks: the taller, the more of them.`
        : this.data.timeline.exact ? "" : " There are so many spans that lanes show how much of a slice of time went into each: the taller, the more.";
    return section("timeline", "Timeline",
      h("p", {class: "soft"}, "What each rank was doing, and how fast bytes moved, all ranks together." + grouped,
        h("span", {class: "hint"}, " Drag the lanes to move, drag across the bandwidth to look closer, Ctrl and wheel to zoom; a double click shows all.")),
      h("div", {class: "controls"}, legend(parts), h("div", {class: "buttons"}, this.window, button("\u2212", "Zoom out", step(2)), button("+", "Zoom in", step(0.5)),
        button("\u2190", "Earlier", shift(-0.5)), button("\u2192", "Later", shift(0.5)), button("All", "Show all", () => this.show(0, this.total)))),
      this.drawing);
  }

  uses(key) {
    const what = ACTIVITIES.findIndex((activity) => activity.key === key);
    return this.lanes.some((lane) => lane.spans ? lane.spans.some((span) => span.what === what) : /[^0]/.test(lane.levels[what]));
  }

  // --- the window of time ---
  show(from, to) {
    const margin = from <= 0 && to >= this.total ? 0 : (to - from) * 0.02;
    this.set(from - margin, to + margin);
    this.section.scrollIntoView({block: "nearest"});
  }
  set(from, to) {
    const length = Math.min(this.total, Math.max(LEAST_WINDOW, to - from));
    this.view.from = Math.min(Math.max(0, from), this.total - length);
    this.view.to = this.view.from + length;
    this.ask();
  }
  ask() {
    if (!this.asked) this.asked = requestAnimationFrame(() => { this.asked = 0; this.draw(); });
  }
  zoom(factor, around) { this.set(around - (around - this.view.from) * factor, around + (this.view.to - around) * factor); }
  pan(time) { this.set(this.view.from + time, this.view.to + time); }

  // --- drawing ---
  draw() {
    if (!this.edges.length) return;
    const width = Math.max(360, Math.round(this.drawing.clientWidth) || 1100), right = width - RIGHT;
    const view = this.view;
    Object.assign(view, {left: LABEL, right, x: (time) => LABEL + (time - view.from) / (view.to - view.from) * (right - LABEL)});
    view.time = (x) => view.from + (x - LABEL) / (right - LABEL) * (view.to - view.from);
    this.width = width;
    this.window.textContent = view.to - view.from >= this.total * 0.999 ? timeText(this.total) : `${timeText(view.from)} \u2013 ${timeText(view.to)}`;
    this.drawHead(width);
    this.drawBody(width);
  }

  ticks() {
    const view = this.view, step = niceStep(view.to - view.from, (view.right - LABEL) / 110), ticks = [];
    const [unit, name] = step >= 1e5 ? [1e6, "s"] : step >= 100 ? [1e3, "ms"] : [1, "\u00b5s"];
    const places = Math.max(0, -Math.floor(Math.log10(step / unit) + 1e-9));
    for (let time = Math.ceil(view.from / step) * step; time <= view.to; time += step)
      ticks.push({x: Math.round(view.x(time)) + 0.5, text: (time / unit).toFixed(Math.min(places, 6)) + " " + name});
    return ticks;
  }

  drawHead(width) {
    attributes(this.head, {viewBox: `0 0 ${width} ${this.headHeight}`});
    const parts = [];
    for (const tick of this.ticks()) {
      parts.push(s("line", {class: "grid", x1: tick.x, x2: tick.x, y1: 20, y2: this.headHeight}));
      if (tick.x < width - 46) parts.push(s("text", {x: tick.x + 4, y: 14}, tick.text));
    }
    parts.push(s("text", {class: "strong", x: 10, y: OPERATIONS_Y + 14}, "Operations"), this.operationBoxes(), this.bandwidthCurves());
    this.head.replaceChildren(...parts);
  }

  operationBoxes() {
    const view = this.view, group = s("g", {class: "operations"});
    for (const operation of this.data.operations.shown) {
      if (operation.end < view.from || operation.begin > view.to) continue;
      const from = Math.max(view.left, view.x(operation.begin)), to = Math.min(view.right, view.x(operation.end));
      const ok = operation.status === "TSNAP_OK" || operation.status === "", y = OPERATIONS_Y + operation.slot * OPERATION_HEIGHT;
      group.append(s("rect", {class: ok ? "phase-a" : "failed-operation", x: from, y, width: Math.max(1, to - from - 1), height: OPERATION_HEIGHT - 2, rx: 2}));
      const text = `${operation.number} ${operation.name}`;
      if (to - from > text.length * 6.5 + 10) group.append(s("text", {class: ok ? "strong" : "on-bad", x: from + 5, y: y + 13}, text));
    }
    return group;
  }

  bandwidthCurves() {
    const view = this.view, edges = this.edges, group = s("g", {class: "bandwidth"});
    const first = findBin(edges, view.from), end = findBin(edges, view.to), kinds = Object.entries(this.data.timeline.bandwidth);
    let most = 0;
    for (const [, rates] of kinds) for (let bin = first; bin <= end; bin++) most = Math.max(most, rates[bin]);
    group.append(s("text", {class: "strong", x: 10, y: this.chartTop + 12}, "Bandwidth"));
    const bottom = this.chartTop + CHART_HEIGHT;
    if (!(most > 0)) { group.append(s("text", {x: view.left + 6, y: this.chartTop + 12}, "no bytes moved here")); return group; }
    const every = byteStep(most, 3), scale = (CHART_HEIGHT - 6) / most;
    for (let rate = every; rate <= most; rate += every) {
      const y = Math.round(bottom - rate * scale) + 0.5;
      group.append(s("line", {class: "grid", x1: view.left, x2: view.right, y1: y, y2: y}));
      if (y > this.chartTop + 24) group.append(s("text", {x: view.left - 6, y: y + 4, "text-anchor": "end"}, byteLabel(rate) + "/s"));
    }
    group.append(s("line", {class: "grid", x1: view.left, x2: view.right, y1: bottom + 0.5, y2: bottom + 0.5}));
    for (const [kind, rates] of kinds) {
      let curve = "", open = false;
      for (let bin = first; bin <= end; bin++) {
        const from = Math.max(view.left, view.x(edges[bin])).toFixed(1), to = Math.min(view.right, view.x(edges[bin + 1])).toFixed(1);
        if (rates[bin] > 0) curve += `${open ? "" : `M${from} ${bottom}`}V${(bottom - rates[bin] * scale).toFixed(1)}H${to}`;
        else if (open) curve += `V${bottom}`;
        open = rates[bin] > 0;
      }
      if (open) curve += `V${bottom}`;
      group.append(s("path", {class: "area " + kind, d: curve}), s("path", {class: "curve " + kind, d: curve}));
    }
    return group;
  }

  boxes(lane) {
    const rows = this.rows, y = lane * rows.tall + 3 + (rows.phases ? rows.phases + 2 : 0);
    return [0, 1, 2].map((track) => ({y: y + track * rows.track + 0.5, height: rows.track - 1}));
  }

  drawBody(width) {
    const rows = this.rows, height = this.lanes.length * rows.tall, view = this.view;
    attributes(this.body, {viewBox: `0 0 ${width} ${height}`});
    const parts = this.ticks().map((tick) => s("line", {class: "grid", x1: tick.x, x2: tick.x, y1: 0, y2: height}));
    this.lanes.forEach((lane, index) => {
      const top = index * rows.tall, group = s("g", {class: "lane", "data-first": lane.first, "data-count": lane.count});
      if (index > 0) group.append(s("line", {class: "grid", x1: 0, x2: width, y1: top + 0.5, y2: top + 0.5}));
      group.append(s("text", {class: "strong", x: 10, y: top + Math.min(rows.tall / 2 + 4, 20)}, lane.count === 1 ? `rank ${lane.first}` : `${lane.first}\u2013${lane.first + lane.count - 1}`));
      if (rows.phases) this.drawPhases(lane, top + 3, group);
      lane.draw(view, this.boxes(index)).forEach((outline, what) => {
        if (outline) group.append(s("path", {class: ACTIVITIES[what].key, d: outline}));
      });
      parts.push(group);
    });
    this.body.replaceChildren(...parts);
  }

  // Phases of a take in the background and of the call after it overlap: they lie below each other.
  drawPhases(lane, y, group) {
    const view = this.view, slots = lane.slots[TRACKS], tall = this.rows.phases / slots;
    const outlines = ["", ""], edges = new Array(slots).fill(-1);
    lane.phases.forEach((phase, index) => {
      if (phase.begin + phase.length < view.from || phase.begin > view.to) return;
      const from = Math.max(view.left, view.x(phase.begin)), to = Math.min(view.right, view.x(phase.begin + phase.length));
      if (to <= edges[phase.slot] + 0.3) return;
      edges[phase.slot] = to;
      const top = y + phase.slot * tall;
      outlines[index % 2] += `M${from.toFixed(2)} ${top.toFixed(2)}H${to.toFixed(2)}v${(tall - (slots > 1 ? 0.5 : 0)).toFixed(2)}H${from.toFixed(2)}z`;
      const name = this.phaseNames[phase.phase] || "";
      if (tall >= 12 && to - from > name.length * 6.2 + 8) group.append(s("text", {x: from + 4, y: top + tall - 3}, name));
    });
    group.prepend(s("path", {class: "phase-a", d: outlines[0]}), s("path", {class: "phase-b", d: outlines[1]}));
  }

  // --- pointer and keys ---
  place(svg, event) {
    const box = svg.getBoundingClientRect(), scale = this.width / box.width;
    return {x: (event.clientX - box.left) * scale, y: (event.clientY - box.top) * scale};
  }

  listen() {
    const view = this.view;
    let held = null;
    for (const svg of [this.head, this.body]) {
      svg.addEventListener("pointerdown", (event) => {
        if (event.button !== 0) return;
        held = {svg, x: this.place(svg, event).x, from: view.from, to: view.to};
        svg.setPointerCapture(event.pointerId);
        svg.classList.add("held");
        tip.hide();
      });
      svg.addEventListener("pointermove", (event) => {
        const at = this.place(svg, event);
        if (!held) return this.hover(svg, at, event);
        if (svg === this.body) {
          const moved = (at.x - held.x) / (view.right - LABEL) * (held.to - held.from);
          this.set(held.from - moved, held.to - moved);
        } else {
          this.picked(held.x, at.x);
        }
      });
      const release = (event) => {
        if (!held) return;
        const x = this.place(svg, event).x;
        if (svg === this.head && Math.abs(x - held.x) > 4) this.set(view.time(Math.max(LABEL, Math.min(x, held.x))), view.time(Math.max(x, held.x)));
        if (svg === this.head) this.picked(0, 0);
        held = null;
        svg.classList.remove("held");
      };
      svg.addEventListener("pointerup", release);
      svg.addEventListener("pointercancel", () => { held = null; svg.classList.remove("held"); this.picked(0, 0); });
      svg.addEventListener("pointerleave", tip.hide);
      svg.addEventListener("dblclick", () => this.set(0, this.total));
      svg.addEventListener("wheel", (event) => this.wheel(svg, event), {passive: false});
    }
    this.drawing.addEventListener("keydown", (event) => {
      const length = view.to - view.from, middle = (view.from + view.to) / 2;
      const action = {ArrowLeft: () => this.pan(-length / 4), ArrowRight: () => this.pan(length / 4), "+": () => this.zoom(0.5, middle),
                      "=": () => this.zoom(0.5, middle), "-": () => this.zoom(2, middle), "0": () => this.set(0, this.total)}[event.key];
      if (!action || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      action();
    });
  }

  wheel(svg, event) {
    const view = this.view, length = view.to - view.from;
    if (event.ctrlKey || event.metaKey) {
      event.preventDefault();
      this.zoom(Math.exp(Math.max(-1, Math.min(1, event.deltaY / 200))), view.time(Math.max(LABEL, this.place(svg, event).x)));
    } else if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      event.preventDefault();
      this.pan(event.deltaX / (view.right - LABEL) * length);
    }
  }

  picked(from, to) {
    if (this.pick) this.pick.remove();
    this.pick = null;
    if (from === to) return;
    const low = Math.max(LABEL, Math.min(from, to)), high = Math.min(this.view.right, Math.max(from, to));
    this.pick = s("rect", {class: "write area", x: low, y: 20, width: Math.max(0, high - low), height: this.headHeight - 20});
    this.head.append(this.pick);
  }

  hover(svg, at, event) {
    const view = this.view;
    if (at.x < LABEL || at.x > view.right) return tip.hide();
    const time = view.time(at.x), slack = (view.to - view.from) / (view.right - LABEL) * 1.5;
    const lines = svg === this.head ? this.aboutHead(at, time) : this.aboutLane(at, time, slack);
    if (lines.length > 1) tip.show(event, lines); else tip.hide();
  }

  aboutHead(at, time) {
    const lines = [timeText(time)];
    for (const operation of this.data.operations.shown)
      if (operation.begin <= time && time <= operation.end && lines.length < 6)
        lines.push(`${operation.number} ${operation.name}: ${timeText(operation.end - operation.begin)} \u00b7 ${bytesText(operation.bytes)} \u00b7 ${operation.status}`);
    const bin = findBin(this.edges, time);
    for (const [kind, rates] of Object.entries(this.data.timeline.bandwidth))
      if (rates[bin] > 0) lines.push(`${ACTIVITIES.find((activity) => activity.key === kind).name}: ${bytesText(rates[bin])}/s`);
    return lines;
  }

  aboutLane(at, time, slack) {
    const index = Math.floor(at.y / this.rows.tall), lane = this.lanes[index];
    if (!lane) return [];
    const boxes = this.boxes(index);
    let track = boxes.findIndex((box) => at.y >= box.y - 0.6 && at.y < box.y + box.height + 0.6);
    if (track < 0) track = at.y < boxes[0].y && this.rows.phases ? TRACKS : -1;
    if (track < 0) return [];
    const lines = lane.at(time, slack, track, this.phaseNames);
    return [`${ranksText(lane.first, lane.count)} at ${timeText(time)}`, ...lines];
  }
}
