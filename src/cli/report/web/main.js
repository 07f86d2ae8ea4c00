// Reads the numbers and puts the page together.
function tracePage(data, page) {
  const operations = data.operations, edges = data.timeline.edges;
  const total = edges.length > 1 ? edges[edges.length - 1] : 0;
  const timeline = new Timeline(data, total);
  const names = new Set(operations.shown.map((operation) => operation.name).filter(Boolean));
  const waits = operations.shown.reduce((sum, operation) => sum + operation.wait_ranks, 0);
  const time = operations.shown.reduce((sum, operation) => sum + (operation.longest || operation.end - operation.begin), 0);
  const loads = data.balance.bytes;
  const notes = [];
  if (data.dropped_spans > 0)
    notes.push(`${many(data.dropped_spans, "span was", "spans were")} dropped while tracing, since there were too many: what is missing here did happen.`);
  if (data.unknown_events > 0) notes.push(`${many(data.unknown_events, "event is", "events are")} of a kind that this version does not know, and left out.`);
  page.addEventListener("ready", () => timeline.draw());
  return [
    h("header", null, h("p", {class: "what"}, "tsnap report of a trace"), h("h1", null, path(data.source)),
      h("p", {class: "under"}, [many(data.ranks, "rank"), total > 0 ? timeText(total) : "", data.version ? "tsnap " + data.version : ""].filter(Boolean).join(" \u00b7 "))),
    notes.map((note) => h("p", {class: "note"}, note)),
    h("div", {class: "tiles"},
      tile("Operations", countText(operations.count), operations.failed > 0 ? h("span", {class: "bad"}, operations.failed + " failed") : [...names].slice(0, 3).join(", ")),
      tile("Bytes moved", bytesText(operations.bytes), "stored: " + bytesText(operations.stored_bytes)),
      tile("Time in operations", timeText(operations.busy), total > 0 ? percent(operations.busy, total) + " of the trace" : null),
      tile("Bytes per second", rateText(operations.bytes, operations.busy), "all ranks, mean"),
      tile("Waiting for ranks", percent(waits, time), "of a rank's time, mean"),
      tile("Balance", loads.average > 0 ? (loads.largest / loads.average).toFixed(2) : "-", "largest rank / mean")),
    timeline.section,
    total > 0 ? [operationsSection(operations, (from, to) => timeline.show(from, to)), balanceSection(data.balance), traceObjectsSection(data)] : null,
  ];
}

{
  const data = JSON.parse(document.getElementById("numbers").textContent);
  const page = document.getElementById("page");
  page.replaceChildren();
  put(page, [data.kind === "trace" ? tracePage(data, page) : snapshotPage(data),
             h("footer", null, "This page is one file, and needs nothing else. It was made by tsnap report.")]);
  page.dispatchEvent(new Event("ready"));
}
