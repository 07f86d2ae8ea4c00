// The table of operations, and of the largest objects in a trace.
function phaseKind(index) { return index % 2 === 0 ? "phase-a" : "phase-b"; }

function phaseTable(operation) {
  return h("table", {class: "phases"}, head([["phase", ""], ["mean", "right"], ["longest", "right"], ["on rank", "right"], ["bytes", "right"]]),
      h("tbody", null, operation.phases.map((phase) => h("tr", null,
          h("td", null, phase.name), h("td", {class: "right"}, timeText(phase.mean)), h("td", {class: "right"}, timeText(phase.longest)),
          h("td", {class: "right"}, phase.longest_rank), h("td", {class: "right"}, phase.bytes > 0 ? bytesText(phase.bytes) : "")))));
}

// The share of each phase, large ones with their name in the hover box.
function phaseBar(operation) {
  const total = operation.phases.reduce((sum, phase) => sum + phase.mean, 0);
  if (!(total > 0)) return "";
  const kinds = {stage: "stage", write: "write", read: "read", agree: "wait", pending: "wait"};
  const bar = h("div", {class: "stack"});
  operation.phases.forEach((phase, index) => {
    const part = h("i", {class: kinds[phase.name] || phaseKind(index), style: {width: 100 * phase.mean / total + "%"}});
    part.addEventListener("pointermove", (event) => tip.show(event,
        [phase.name, timeText(phase.mean) + " on average, " + percent(phase.mean, total)]));
    part.addEventListener("pointerleave", tip.hide);
    bar.append(part);
  });
  return bar;
}

function operationRows(operation, is_open, zoom) {
  const length = operation.longest > 0 ? operation.longest : operation.end - operation.begin;
  const ok = operation.status === "TSNAP_OK" || operation.status === "";
  const detail = h("tr", {class: "detail", hidden: !is_open}, h("td", {colspan: 10},
      facts([["place", operation.url ? path(operation.url) : ""],
             ["slowest", operation.longest > 0 ? `rank ${operation.longest_rank}, ${timeText(operation.longest)}` : ""],
             ["waiting, mean of a rank", [["for ranks", operation.wait_ranks], ["for memory", operation.wait_memory],
                 ["for staging", operation.wait_staging]].filter((w) => w[1] > 0).map((w) => timeText(w[1]) + " " + w[0]).join(", ")]]),
      operation.phases.length ? phaseTable(operation) : h("p", {class: "soft"}, "No phases were recorded.")));
  const row = h("tr", {class: "operation" + (is_open ? " open" : "")});
  const toggle = h("button", {class: "plain", type: "button", "aria-expanded": String(is_open), onclick() {
    detail.hidden = !detail.hidden;
    row.classList.toggle("open", !detail.hidden);
    toggle.setAttribute("aria-expanded", String(!detail.hidden));
  }}, `${operation.number} ${operation.name || "(not recorded)"}`);
  put(row, [
    h("td", {class: "tight"}, toggle), h("td", {class: "tight " + (ok ? "ok" : "bad")}, operation.status || "-"),
    h("td", {class: "right"}, timeText(operation.begin)), h("td", {class: "right"}, timeText(length)),
    h("td", {class: "right"}, bytesText(operation.bytes)), h("td", {class: "right"}, bytesText(operation.stored_bytes)),
    h("td", {class: "right"}, rateText(operation.bytes, length)), h("td", {class: "right"}, operation.balance > 0 ? operation.balance.toFixed(2) : "-"),
    h("td", null, phaseBar(operation)),
    h("td", {class: "right"}, h("button", {type: "button", class: "buttons", onclick() { zoom(operation.begin, operation.end); }}, "Show")),
  ]);
  return [row, detail];
}

function operationsSection(operations, zoom) {
  if (operations.count === 0) return section("operations", "Operations", empty("No take and no restore was recorded."));
  const note = operations.shown.length < operations.count
      ? ` Of ${countText(operations.count)}, the ${operations.shown.length} that failed or took longest.` : "";
  return section("operations", "Operations",
      h("p", {class: "soft"}, "Durations are those of the slowest rank, bytes those of all ranks; the bar shows how its phases share the time." + note),
      h("div", {class: "scroll"}, h("table", null,
        head([["operation", ""], ["status", ""], ["begins", "right"], ["takes", "right"], ["bytes", "right"], ["stored", "right"],
              ["bytes per second", "right"], ["max/mean", "right"], ["phases", ""], ["", ""]]),
        h("tbody", null, operations.shown.map((operation) => operationRows(operation, operations.shown.length === 1, zoom))))));
}

function traceObjectsSection(data) {
  const objects = data.objects;
  if (objects.length === 0) return section("objects", "Largest objects", empty("The trace names no objects."));
  const most = Math.max(1, objects[0].bytes);
  return section("objects", "Largest objects",
      h("p", {class: "soft"}, "Bytes that the ranks moved of an object in one operation, where they name it among their ten largest." +
          (data.objects_are_approximate ? " There are so many that small ones were left out while counting." : "")),
      h("div", {class: "scroll"}, h("table", null, head([["object", ""], ["bytes", "right"], ["", ""], ["operation", "right"]]),
        h("tbody", null, objects.map((object) => h("tr", {class: "object"}, h("td", null, path(object.path)), h("td", {class: "right"}, bytesText(object.bytes)),
          h("td", {style: {width: "30%"}}, bar(object.bytes / most)), h("td", {class: "right"}, object.operation === undefined ? "" : object.operation)))))));
}
