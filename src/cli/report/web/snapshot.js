// The page of a snapshot: what it holds, how large, who wrote it.
function sizeTable(id, title, what, sizes) {
  const most = Math.max(1, ...sizes.map((size) => size.bytes));
  return h("div", {id}, h("h3", null, title),
      sizes.length === 0 ? empty("Nothing.") : h("table", null, head([[what, ""], ["count", "right"], ["bytes", "right"], ["", ""]]),
        h("tbody", null, sizes.map((size) => h("tr", null, h("td", null, size.name), h("td", {class: "right"}, countText(size.count)),
            h("td", {class: "right"}, bytesText(size.bytes)), h("td", {style: {width: "36%"}}, bar(size.bytes / most)))))));
}

function compressionTable(codecs) {
  return h("div", {id: "compression"}, h("h3", null, "Compression"),
      codecs.length === 0 ? empty("No bytes are stored, or it is not recorded who wrote them.") : h("table", null,
        head([["codec", ""], ["extents", "right"], ["bytes", "right"], ["stored", "right"], ["ratio", "right"]]),
        h("tbody", null, codecs.map((codec) => h("tr", null, h("td", null, codec.name), h("td", {class: "right"}, countText(codec.count)),
            h("td", {class: "right"}, bytesText(codec.bytes)), h("td", {class: "right"}, bytesText(codec.stored_bytes)),
            h("td", {class: "right"}, codec.stored_bytes > 0 ? ratioText(codec.bytes / codec.stored_bytes) : "-"))))));
}

function largestSection(data) {
  if (data.largest.length === 0) return section("objects", "Largest objects", empty("The snapshot holds no objects."));
  const most = Math.max(1, data.largest[0].bytes);
  const more = data.rows > data.largest.length ? ` The ${data.largest.length} largest of ${countText(data.rows)}.` : "";
  return section("objects", "Largest objects", h("p", {class: "soft"}, "A private object is one row with that of all ranks." + more),
      h("div", {class: "scroll"}, h("table", null,
        head([["object", ""], ["kind", ""], ["type", ""], ["shape", ""], ["bytes", "right"], ["stored", "right"], ["", ""]]),
        h("tbody", null, data.largest.map((object) => h("tr", {class: "object"}, h("td", null, path(object.path)),
            h("td", {class: "tight"}, object.kind, object.ranks > 0 ? h("span", {class: "sub"}, "of " + many(object.ranks, "rank")) : null),
            h("td", {class: "tight"}, object.element), h("td", null, object.shape.replaceAll("x", " \u00d7 ")), h("td", {class: "right"}, bytesText(object.bytes)),
            h("td", {class: "right"}, bytesText(object.stored_bytes), object.bytes > 0 && object.stored_bytes < object.bytes
                ? h("span", {class: "sub"}, percent(object.stored_bytes, object.bytes)) : null),
            h("td", {style: {width: "20%"}}, bar(object.bytes / most))))))));
}

function writingSection(data) {
  const writers = data.writers, loads = writers.bytes;
  return section("writing", "How they were written", h("div", {class: "pair"},
      h("div", {id: "balance"}, h("h3", null, "Load balance"),
        h("p", {class: "soft"}, "Stored bytes by the rank that wrote them; the dashed line is the mean." + grouped(writers) + " " + loadText(loads, bytesText)),
        loads.total > 0 ? loadChart(writers, loads, [{name: "", kind: "write", values: loads.mean}], bytesText, byteStep) : empty("No bytes are stored, or it is not recorded who wrote them.")),
      compressionTable(data.codecs)));
}

function snapshotPage(data) {
  const saved = data.stored_bytes > 0 ? ratioText(data.bytes / data.stored_bytes) : "-";
  const imbalance = data.writers.bytes.average > 0 ? (data.writers.bytes.largest / data.writers.bytes.average).toFixed(2) : "-";
  return [
    h("header", null, h("p", {class: "what"}, "tsnap report of a snapshot"), h("h1", null, path(data.source)),
      h("p", {class: "under"}, `Taken ${data.created.replace("T", " ").replace("Z", " UTC")} by ${many(data.ranks, "rank")}`)),
    h("div", {class: "tiles"}, tile("Objects", countText(data.objects)), tile("Bytes", bytesText(data.bytes)),
      tile("Stored", bytesText(data.stored_bytes), "ratio " + saved), tile("Files of data", countText(data.files), many(data.extents, "extent")),
      tile("Ranks", countText(data.ranks)), tile("Balance", imbalance, "largest writer / mean")),
    facts([["id", h("code", null, data.id)], ["format", data.format], ["library", data.version]]),
    data.metadata ? [h("h3", {style: {marginTop: "16px"}}, "Metadata"), h("pre", null, data.metadata)] : null,
    largestSection(data),
    section("sizes", "What the bytes are", h("div", {class: "pair"}, sizeTable("kinds", "By kind", "kind", data.kinds),
      sizeTable("elements", "By type of element", "type", data.elements))),
    writingSection(data),
    section("how", "When did what happen?", h("p", null,
      "A snapshot does not know how it was taken. Let the program write a trace, and draw that: a timeline of all ranks, with bandwidth, waiting and phases."),
      h("pre", null, "TSNAP_TRACE=trace.json mpirun -n 4 ./simulation\ntsnap report trace.json -o trace.html"),
      h("p", {class: "soft"}, "chrome://tracing and ui.perfetto.dev open the same file.")),
  ];
}
