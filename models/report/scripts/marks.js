// What a person says of images, and the CSV of it. Kept in the browser where that is possible.
const marks = new Map();
const onMark = [];

function storage() {
  try {
    return window.localStorage;
  } catch {
    return null; // a browser that keeps nothing for files throws
  }
}

function keepMarks() {
  try {
    storage()?.setItem(shown.key, JSON.stringify([...marks]));
  } catch {
    // The storage is full or closed: the marks last as long as the page.
  }
}

function recallMarks() {
  try {
    for (const [id, { mark, label }] of JSON.parse(storage()?.getItem(shown.key) ?? "[]")) marks.set(id, { mark, label });
  } catch {
    marks.clear();
  }
}

function setMark(image, mark, label = "") {
  if (mark) marks.set(image.id, { mark, label });
  else marks.delete(image.id);
  keepMarks();
  for (const tell of onMark) tell(image);
}

function markInWords(image) {
  const own = marks.get(image.id);
  if (!own) return "";
  return own.mark === "wrong_label" ? `it is ${own.label}` : own.mark;
}

// A spreadsheet would run a cell that begins with one of these. The reader removes exactly one apostrophe.
function csvCell(text) {
  const safe = /^[=+\-@\t\r']/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

// With what was decided before: ingest.corrections names one file, which this one replaces.
function correctionsCsv() {
  const decided = new Map(shown.corrections.map(([id, mark, label]) => [id, { mark, label }]));
  for (const [id, own] of marks) decided.set(id, own);
  const rows = [...decided].sort(([one], [other]) => (one < other ? -1 : 1));
  const lines = rows.map(([id, { mark, label }]) => [id, mark, label].map(csvCell).join(","));
  // With a byte order mark, or Excel would not take it for UTF-8.
  return ["\ufeffpath,mark,label", ...lines].join("\n") + "\n";
}

function exportMarks() {
  const address = URL.createObjectURL(new Blob([correctionsCsv()], { type: "text/csv" }));
  const link = document.createElement("a");
  link.href = address;
  link.download = "corrections.csv";
  link.click();
  URL.revokeObjectURL(address);
}

function showMarks() {
  byId("marks").hidden = marks.size === 0;
  byId("marked").textContent = `${counted(marks.size, "image")} marked`;
}

function startMarks() {
  recallMarks();
  onMark.push(showMarks);
  byId("export").addEventListener("click", exportMarks);
  byId("clear").addEventListener("click", () => {
    marks.clear();
    keepMarks();
    for (const tell of onMark) tell(null);
  });
  showMarks();
}
