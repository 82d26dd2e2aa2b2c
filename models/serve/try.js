"use strict";
// Draws strokes, asks the service what the network makes of them, and shows it. Other people's text enters the page as text only.
const settings = JSON.parse(document.getElementById("settings").textContent);
const byId = (id) => document.getElementById(id);
const paper = byId("paper"), pen = byId("pen"), ink = byId("ink"), paperColor = byId("papercolor");
const context = paper.getContext("2d");
const hex = (level) => `#${level.toString(16).padStart(2, "0").repeat(3)}`;
const longer = Math.max(settings.canvas.width, settings.canvas.height);
const strokes = [];
let drawing = null; // the stroke that is being drawn
let isAsking = false, isOutdated = false;

function make(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

function percent(fraction) {
  return `${(100 * fraction).toFixed(1)}%`;
}

// Drawing

function place(event) {
  const box = paper.getBoundingClientRect();
  const scale = Math.min(box.width / paper.width, box.height / paper.height);
  const [left, top] = [(box.width - paper.width * scale) / 2, (box.height - paper.height * scale) / 2];
  return [(event.clientX - box.left - left) / scale, (event.clientY - box.top - top) / scale];
}

function drawStroke({ color, width, points }) {
  context.strokeStyle = context.fillStyle = color;
  context.lineWidth = width;
  context.lineCap = context.lineJoin = "round";
  context.beginPath(); // a line of no length is not drawn: a tap is a dot
  context.arc(...points[0], width / 2, 0, 2 * Math.PI);
  context.fill();
  context.beginPath();
  for (const point of points) context.lineTo(...point);
  context.stroke();
}

function redraw() {
  context.fillStyle = paperColor.value;
  context.fillRect(0, 0, paper.width, paper.height);
  strokes.forEach(drawStroke);
}

function begin(event) {
  if (drawing || event.button > 0) return;
  paper.setPointerCapture(event.pointerId);
  drawing = { pointer: event.pointerId, color: ink.value, width: Number(pen.value), points: [place(event)] };
  strokes.push(drawing);
  drawStroke(drawing);
  event.preventDefault();
}

function go(event) {
  if (drawing?.pointer !== event.pointerId) return;
  for (const part of event.getCoalescedEvents?.() ?? []) drawing.points.push(place(part));
  drawing.points.push(place(event));
  redraw();
  ask();
}

function end(event) {
  if (drawing?.pointer !== event.pointerId) return;
  drawing = null;
  ask();
}

function drawingFile() {
  return new Promise((ready) => paper.toBlob(ready, "image/png"));
}

// Asking: one question at a time; while one is answered, only the newest drawing waits.

async function ask() {
  isOutdated = true;
  if (isAsking) return;
  isAsking = true;
  while (isOutdated) {
    isOutdated = false;
    if (strokes.length === 0) {
      showNothing();
      continue;
    }
    const tried = await send(await drawingFile(), "drawing", true);
    if (!isOutdated || drawing) show(tried, "the drawing");
  }
  isAsking = false;
}

async function send(file, name, isDrawing) {
  const form = new FormData();
  form.append("image", file, name);
  form.append("is_drawing", String(isDrawing));
  return post("/try", form);
}

async function post(address, form) {
  try {
    const response = await fetch(address, { method: "POST", body: form });
    const answer = await response.json();
    return response.ok ? answer : { problem: answer.message };
  } catch {
    return { problem: "the service does not answer; it was probably stopped" };
  }
}

// Showing

function showNothing() {
  byId("said").textContent = "Nothing yet";
  for (const id of ["whole", "unlike", "refused"]) byId(id).hidden = true;
}

function refusalOf(tried) {
  const refused = tried.answer?.refused;
  return tried.problem ?? (refused ? `${refused.message} (${refused.reason})` : null);
}

function show(tried, name) {
  const refusal = refusalOf(tried);
  byId("refused").hidden = refusal === null;
  byId("whole").hidden = refusal !== null;
  const unlike = tried.answer?.unlike ?? [];
  byId("unlike").hidden = refusal !== null || unlike.length === 0;
  if (refusal !== null) {
    byId("said").textContent = "No prediction";
    byId("refused").textContent = `${name}: ${refusal}`;
    return;
  }
  const { answer } = tried;
  const accepted = answer.accepted === null ? "" : answer.accepted ? ", accepted" : ", not accepted";
  byId("said").textContent = `${answer.predicted}, ${percent(answer.confidence)} sure${accepted}`;
  byId("unlike").textContent = `Unlike the training images: ${unlike.join("; ")}. The answer may be wrong however sure it looks.`;
  byId("bars").replaceChildren(...tried.probabilities.flatMap(bar));
  byId("seen").src = tried.seen;
  byId("heatlabel").hidden = tried.saliency === null;
  if (tried.saliency) byId("heat").src = tried.saliency;
  byId("heat").hidden = tried.saliency === null || !byId("showheat").checked;
  byId("near").hidden = tried.nearest.length === 0;
  byId("nearest").replaceChildren(...tried.nearest.map((own) => card(own.picture, own.class_name, own.id)));
}

function bar({ class_name: className, probability }) {
  const track = make("div", "track"), part = make("div", "part");
  part.style.width = percent(probability);
  track.append(part);
  return [make("b", "", className), track, make("span", "figure", percent(probability))];
}

function card(picture, title, path) {
  const figure = make("figure", "card"), caption = make("figcaption");
  if (picture) {
    const image = make("img");
    image.src = picture;
    image.alt = "";
    figure.append(image);
  }
  const line = make("span", "path long", path);
  line.title = path;
  caption.append(make("b", "", title), line);
  figure.append(caption);
  return figure;
}

// Files

async function tryFiles(files) {
  byId("others").hidden = files.length < 2;
  byId("dropped").replaceChildren();
  let last = null;
  for (const file of files) {
    const tooLarge = file.size > settings.imageBytes;
    const limit = `has ${file.size.toLocaleString("en")} bytes; one image may have ${settings.imageBytes.toLocaleString("en")}`;
    const tried = tooLarge ? { problem: limit } : await send(file, file.name, false);
    last = () => show(tried, file.name);
    if (files.length > 1) byId("dropped").append(choice(tried, file.name, last));
    last();
  }
}

function choice(tried, name, open) {
  const button = make("button");
  button.type = "button";
  const title = refusalOf(tried) === null ? `${tried.answer.predicted} ${percent(tried.answer.confidence)}` : "not used";
  button.append(card(tried.seen, title, name));
  button.addEventListener("click", open);
  return button;
}

function hasFiles(event) {
  return [...(event.dataTransfer?.types ?? [])].includes("Files");
}

// Adding

async function addDrawing(event) {
  event.preventDefault();
  if (strokes.length === 0) {
    byId("added").textContent = "Draw something first.";
    return;
  }
  const form = new FormData();
  form.append("image", await drawingFile(), "drawing");
  form.append("label", byId("label").value);
  byId("addbutton").disabled = true;
  const added = await post("/add", form);
  byId("addbutton").disabled = false;
  const isNew = added.path && !settings.classNames.includes(byId("label").value) ? " It is a class that the model does not know." : "";
  byId("added").textContent = added.path
    ? `Saved as ${added.path} in the raw folder. The next dvc repro reads it.${isNew}`
    : `Not saved: ${added.refused ?? added.problem}`;
}

// Start

paper.width = settings.canvas.width;
paper.height = settings.canvas.height;
pen.max = String(Math.round(longer / 4));
pen.value = String(Math.max(1, Math.round(longer * settings.canvas.penFraction)));
ink.value = hex(settings.canvas.ink);
paperColor.value = hex(settings.canvas.paper);
byId("becomes").textContent =
  `A drawing becomes an image of ${settings.file.width} x ${settings.file.height} pixels, as the training images mostly are.`;
byId("labels").append(...settings.classNames.map((name) => new Option(name, name)));
for (const id of ["label", "addbutton"]) byId(id).disabled = !settings.mayAdd;
const sayWidth = () => (byId("penwidth").textContent = `${pen.value} px`);
sayWidth();
redraw();

pen.addEventListener("input", sayWidth);
paperColor.addEventListener("input", () => (redraw(), ask()));
paper.addEventListener("pointerdown", begin);
paper.addEventListener("pointermove", go);
for (const name of ["pointerup", "pointercancel"]) paper.addEventListener(name, end);
byId("undo").addEventListener("click", () => (strokes.pop(), redraw(), ask()));
byId("clear").addEventListener("click", () => ((strokes.length = 0), redraw(), ask()));
byId("showheat").addEventListener("change", () => (byId("heat").hidden = !byId("showheat").checked || byId("heatlabel").hidden));
byId("files").addEventListener("change", () => tryFiles([...byId("files").files]));
byId("add").addEventListener("submit", addDrawing);
document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key === "z" && event.target !== byId("label")) byId("undo").click();
});
for (const name of ["dragover", "dragenter"]) {
  document.addEventListener(name, (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    byId("drop").classList.add("dropping");
  });
}
document.addEventListener("dragleave", (event) => event.relatedTarget === null && byId("drop").classList.remove("dropping"));
document.addEventListener("drop", (event) => {
  if (!hasFiles(event)) return;
  event.preventDefault();
  byId("drop").classList.remove("dropping");
  tryFiles([...event.dataTransfer.files]);
});
