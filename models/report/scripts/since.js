// What changed since the run whose report this browser showed before, at the same address.
const sinceKey = `darkroom-run-${location.pathname}`;

function recallRuns() {
  try {
    return JSON.parse(storage()?.getItem(sinceKey) ?? "{}");
  } catch {
    return {};
  }
}

function keepRuns(runs) {
  try {
    storage()?.setItem(sinceKey, JSON.stringify(runs));
  } catch {
    // The storage is full or closed: the next report says nothing of this one.
  }
}

function changesSince(before, now) {
  const changes = [];
  for (const split of ["validation", "test", "train"]) {
    const [old, own] = [before.accuracy[split], now.accuracy[split]];
    const points = 100 * (own - old);
    if (Math.abs(points) >= 0.05) changes.push(`${split} ${percent(old, 1)} to ${percent(own, 1)} (${points > 0 ? "+" : "-"}${Math.abs(points).toFixed(1)})`);
  }
  if (before.images !== now.images) changes.push(`images ${before.images.toLocaleString("en")} to ${now.images.toLocaleString("en")}`);
  const inWords = (findings) => findings.map((id) => id.replaceAll("_", " ")).join(", ");
  const fresh = now.findings.filter((id) => !before.findings.includes(id));
  const gone = before.findings.filter((id) => !now.findings.includes(id));
  if (fresh.length) changes.push(`new: ${inWords(fresh)}`);
  if (gone.length) changes.push(`gone: ${inWords(gone)}`);
  return changes;
}

function startSince() {
  let { now, before } = recallRuns();
  if (JSON.stringify(now) !== JSON.stringify(shown.run)) {
    [before, now] = [now, shown.run];
    keepRuns({ now, before });
  }
  if (!before) return;
  const changes = changesSince(before, now);
  byId("since").hidden = false;
  byId("changes").textContent = changes.length ? changes.join("; ") : "nothing to speak of";
}
