// The map of images: a lasso opens the images within, a click the nearest one.
const svgNamespace = "http://www.w3.org/2000/svg";
const reach = 15; // how far from a click a point may be, in units of the map
const farEnough = 12; // a shorter lasso is a click

function isInside([x, y], corners) {
  let inside = false;
  corners.forEach(([x1, y1], place) => {
    const [x2, y2] = corners[(place + 1) % corners.length];
    if (y1 > y !== y2 > y && x < ((x2 - x1) * (y - y1)) / (y2 - y1) + x1) inside = !inside;
  });
  return inside;
}

function startMap() {
  const svg = byId("points");
  if (!svg) return;
  const circles = [...svg.querySelectorAll("circle")];
  const points = shown.points.map(([number, x, y], place) => ({ image: images[number], x, y, circle: circles[place] }));
  for (const { image, circle } of points) {
    const title = document.createElementNS(svgNamespace, "title");
    title.textContent = `${describe(image)}: ${image.id}`;
    circle.append(title);
  }
  const isShown = (point) => !point.circle.classList.contains("off");
  const lasso = document.createElementNS(svgNamespace, "polygon");
  lasso.setAttribute("class", "lasso");
  svg.append(lasso);
  let corners = null;
  const place = (event) => {
    const { x, y } = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
    return [x, y];
  };
  const draw = () => lasso.setAttribute("points", (corners ?? []).map((corner) => corner.join(",")).join(" "));
  svg.addEventListener("pointerdown", (event) => {
    corners = [place(event)];
    svg.setPointerCapture(event.pointerId);
    event.preventDefault();
  });
  svg.addEventListener("pointermove", (event) => {
    if (!corners) return;
    corners.push(place(event));
    draw();
  });
  svg.addEventListener("pointercancel", () => {
    corners = null;
    draw();
  });
  svg.addEventListener("pointerup", (event) => {
    if (!corners) return;
    const drawn = corners;
    corners = null;
    const [start] = drawn;
    const width = Math.max(...drawn.map(([x, y]) => Math.hypot(x - start[0], y - start[1])));
    if (width < farEnough) openNearest(points.filter(isShown), place(event));
    else showInside(points.filter((point) => isShown(point) && isInside([point.x, point.y], drawn)));
    for (const point of points) point.circle.classList.toggle("in", width >= farEnough && isInside([point.x, point.y], drawn));
    draw();
  });
  startOnly(points);
}

function openNearest(points, [x, y]) {
  const far = (point) => Math.hypot(point.x - x, point.y - y);
  const nearest = points.toSorted((one, other) => far(one) - far(other))[0];
  if (nearest && far(nearest) <= reach) openViewer(nearest.image, [nearest.image]);
}

function showInside(points) {
  const list = sorted(points.map((point) => point.image), "truth");
  const mistakes = list.filter((image) => image.isMistake).length;
  fillPanel(byId("lasso"), make("p", "", `${counted(list.length, "image")} within, ${counted(mistakes, "mistake")}`), list);
}

function startOnly(points) {
  const select = byId("only");
  select.append(choice("", "all classes"), ...classNames.map((name, number) => choice(number, name)));
  select.addEventListener("change", () => {
    for (const { image, circle } of points) circle.classList.toggle("off", select.value !== "" && image.label !== Number(select.value));
  });
}
