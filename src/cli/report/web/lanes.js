// What a lane shows in a window of time: every span where there are few, shares of ranks in slices of time where there are many.
const ACTIVITIES = [
  {key: "stage", name: "staging", track: 0}, {key: "write", name: "writing", track: 1}, {key: "read", name: "reading", track: 1},
  {key: "verify", name: "verifying", track: 0}, {key: "wait_ranks", name: "waiting for ranks", track: 2},
  {key: "wait_memory", name: "waiting for memory", track: 2}, {key: "wait_staging", name: "waiting for staging", track: 2},
];
const PHASE = 7, TRACKS = 3;

// Spans that overlap in a track lie in slots below each other.
function withSlots(flat) {
  const spans = [];
  for (let i = 0; i + 5 < flat.length; i += 6)
    spans.push({what: flat[i], begin: flat[i + 1], length: flat[i + 2], bytes: flat[i + 3], operation: flat[i + 4], phase: flat[i + 5], slot: 0});
  const slots = [[], [], [], []];   // a track each, and the phases
  for (const span of spans) {
    const ends = slots[span.what === PHASE ? TRACKS : ACTIVITIES[span.what].track];
    span.slot = ends.findIndex((end) => end <= span.begin + 0.15);   // times are rounded
    if (span.slot < 0) span.slot = ends.length < 6 ? ends.length : 5;
    ends[span.slot] = Math.max(ends[span.slot] || 0, span.begin + span.length);
  }
  return {spans, slots: slots.map((ends) => Math.max(1, ends.length))};
}

class ExactLane {
  constructor(lane) {
    Object.assign(this, {first: lane.first, count: lane.count}, withSlots(lane.spans));
    this.phases = this.spans.filter((span) => span.what === PHASE);
    this.tracks = [0, 1, 2].map((track) => this.spans.filter((span) => span.what !== PHASE && ACTIVITIES[span.what].track === track));
  }

  // One outline for each activity; what is thinner than a pixel joins its neighbour.
  draw(view, boxes) {
    const outlines = ACTIVITIES.map(() => []), last = new Map();
    for (let track = 0; track < TRACKS; track++) {
      const box = boxes[track], tall = box.height / this.slots[track];
      for (const span of this.tracks[track]) {
        if (span.begin + span.length < view.from || span.begin > view.to) continue;
        const from = Math.max(view.left, view.x(span.begin)), to = Math.min(view.right, view.x(span.begin + span.length));
        const key = span.what * 8 + span.slot, before = last.get(key);
        if (before && to - before.from < 1) { before.to = Math.max(before.to, to); continue; }
        if (before) outlines[span.what].push(before);
        last.set(key, {from, to, y: box.y + span.slot * tall, tall: Math.max(0.8, tall - (this.slots[track] > 1 ? 0.6 : 0))});
      }
    }
    for (const [key, open] of last) outlines[key >> 3].push(open);
    return outlines.map((rects) => rects.map((r) => `M${r.from.toFixed(2)} ${r.y.toFixed(2)}h${Math.max(0.7, r.to - r.from).toFixed(2)}v${
      r.tall.toFixed(2)}h${(-Math.max(0.7, r.to - r.from)).toFixed(2)}z`).join(""));
  }

  // What is there at a time, give or take a pixel.
  at(time, slack, track, names) {
    const spans = track < TRACKS ? this.tracks[track] : this.phases;
    const lines = [];
    for (const span of spans) {
      if (span.begin > time + slack || span.begin + span.length < time - slack) continue;
      const name = span.what === PHASE ? "phase " + names[span.phase] : ACTIVITIES[span.what].name;
      const moved = span.bytes > 0 ? ` \u00b7 ${bytesText(span.bytes)} \u00b7 ${rateText(span.bytes, span.length)}` : "";
      lines.push(`${name}: ${timeText(span.length)}${moved}`);
    }
    return lines.length > 6 ? lines.slice(0, 6).concat(`and ${lines.length - 6} more`) : lines;
  }
}

class BinnedLane {
  constructor(lane, edges) {
    Object.assign(this, {first: lane.first, count: lane.count, edges, phases: []});
    this.levels = ACTIVITIES.map((activity) => lane.levels[activity.key] || "");
    this.bytes = ACTIVITIES.map((activity) => {
      const pairs = lane.bytes[activity.key] || [], bytes = new Map();
      for (let i = 0; i + 1 < pairs.length; i += 2) bytes.set(pairs[i], pairs[i + 1]);
      return bytes;
    });
  }

  level(what, bin) { return this.levels[what] ? parseInt(this.levels[what][bin] || "0", 36) / 35 : 0; }

  // A silhouette for each activity: as tall as the share of the ranks that are at it. Several in one track stand on each other.
  draw(view, boxes) {
    const first = findBin(this.edges, view.from), end = Math.min(this.edges.length - 2, findBin(this.edges, view.to));
    const base = boxes.slice(0, TRACKS).map(() => new Float64Array(Math.max(0, end - first + 1)));
    return ACTIVITIES.map((activity, what) => {
      if (!this.levels[what]) return "";
      const box = boxes[activity.track];
      let outline = "";
      for (let bin = first; bin <= end; bin++) {
        const below = base[activity.track][bin - first], level = Math.min(this.level(what, bin), 1 - below);
        if (!(level > 0)) continue;
        base[activity.track][bin - first] += level;
        const from = Math.max(view.left, view.x(this.edges[bin])), to = Math.min(view.right, view.x(this.edges[bin + 1]));
        const tall = Math.max(0.8, level * box.height), y = box.y + box.height * (1 - below) - tall;
        const wide = Math.max(0.4, to - from);
        outline += `M${from.toFixed(2)} ${y.toFixed(2)}h${wide.toFixed(2)}v${tall.toFixed(2)}h${(-wide).toFixed(2)}z`;
      }
      return outline;
    });
  }

  at(time, slack, track) {
    const bin = findBin(this.edges, time), length = this.edges[bin + 1] - this.edges[bin], lines = [];
    ACTIVITIES.forEach((activity, what) => {
      const level = this.level(what, bin);
      if (activity.track !== track || !(level > 0)) return;
      const moved = this.bytes[what].get(bin) || 0;
      const share = this.count > 1 ? `${percent(level, 1)} of the ranks` : `${percent(level, 1)} of ${timeText(length)}`;
      lines.push(`${activity.name}: ${share}` + (moved > 0 ? ` \u00b7 ${bytesText(moved)} \u00b7 ${rateText(moved, length)}` : ""));
    });
    return lines;
  }
}

// The slice of time that holds a time; the first or the last one for what is outside.
function findBin(edges, time) {
  let low = 0, high = Math.max(0, edges.length - 2);
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (edges[middle] <= time) low = middle; else high = middle - 1;
  }
  return low;
}
