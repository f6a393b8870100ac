"use strict";
(function () {
const $ = id => document.getElementById(id);
const all = (q, f) => document.querySelectorAll(q).forEach(f);
const D = JSON.parse($("data").textContent);

/* -- numbers ------------------------------------------------------------------------------- */
/* Differences as varints; 0 is followed by how many more are 0 (packed.h). */
function unpack(text, n) {
  const bytes = atob(text), out = new Float64Array(n);
  let at = 0, i = 0, value = 0;
  const varint = () => {
    let v = 0, scale = 1, b;
    do { b = bytes.charCodeAt(at++); v += (b & 127) * scale; scale *= 128; } while (b > 127);
    return v;
  };
  while (i < n && at < bytes.length) {
    const z = varint();
    if (z === 0)
      for (let k = varint(); k >= 0 && i < n; k--) out[i++] = value;
    else {
      value += z % 2 ? -(z + 1) / 2 : z / 2;
      out[i++] = value;
    }
  }
  return out;
}
const groups = v => String(Math.round(v)).replace(/\B(?=(\d{3})+$)/g, "\u202f");
function size(v) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
  let u = 0;
  for (; v >= 999.5 && u < 6; u++) v /= 1024;
  return (u ? v.toFixed(v < 9.995 ? 2 : v < 99.95 ? 1 : 0) : Math.round(v)) + "\u00a0" + units[u];
}
function share(a, b) {
  const p = b ? 100 * a / b : 0;
  return !a ? "0 %" : p < .95 ? "<1 %" : p < 9.95 ? p.toFixed(1) + " %" : p.toFixed(0) + " %";
}
const time = ns => ns >= 1e9 ? (ns / 1e9).toFixed(3) + " s" : ns >= 1e6 ? (ns / 1e6).toFixed(1) + " ms" : (ns / 1e3).toFixed(0) + " \u00b5s";
const plain = s => s.replace(/\u202f|\u00a0/g, " ");

/* -- the data ------------------------------------------------------------------------------ */
let samples = 0;
const axes = D.axes.map(a => {
  const x = {timed: a.timed, n: a.n, peak: a.peak, length: a.length};
  for (const k of ["from", "least", "most", "last", "at"]) x[k] = unpack(a[k], a.n);
  for (let i = 0; i < a.n; i++) {
    x.least[i] = x.most[i] - x.least[i];
    x.last[i] = x.most[i] - x.last[i];
    samples = Math.max(samples, x.at[i] + 1);
  }
  return x;
});
const numbers = unpack(D.number, samples), ns = unpack(D.ns, samples);
const by = D.by.map(g => ({
  heading: g.heading, holders: g.holders, text: g.strip, levels: null,
  get() {
    if (!this.levels) this.levels = this.text.map(h => unpack(h.levels, samples));
    return this.levels;
  }
}));
const marks = (() => {
  const m = D.marks, first = m.lane, out = {lanes: m.lanes, names: m.names, n: 0};
  /* How many: as many as the lane's numbers; they end where the text ends. */
  out.lane = unpackAll(first);
  out.n = out.lane.length;
  for (const k of ["name", "from", "events", "ns", "length"]) out[k] = unpack(m[k], out.n);
  return out;
})();
function unpackAll(text) {
  const bytes = atob(text);
  let n = 0, at = 0;
  const varint = () => {
    let v = 0, scale = 1, b;
    do { b = bytes.charCodeAt(at++); v += (b & 127) * scale; scale *= 128; } while (b > 127);
    return v;
  };
  while (at < bytes.length) n += varint() === 0 ? varint() + 1 : 1;
  return unpack(text, n);
}
const resident = {ns: unpackAll(D.resident.ns), number: null, bytes: null};
resident.number = unpack(D.resident.number, resident.ns.length);
resident.bytes = unpack(D.resident.bytes, resident.ns.length);

/* What the page shows is what it was made from. */
window.weirCheck = function () {
  const wrong = [], say = (ok, what) => { if (!ok) wrong.push(what); };
  for (const a of axes) {
    let most = 0;
    for (let i = 0; i < a.n; i++) {
      most = Math.max(most, a.most[i]);
      say(a.least[i] >= 0 && a.least[i] <= a.most[i] && a.last[i] >= a.least[i] && a.last[i] <= a.most[i], "column " + i);
    }
    say(most === D.peak && a.most[a.peak] === D.peak && a.least[a.peak] === D.peak, "the greatest column");
    say(numbers[a.at[a.peak]] === D.event, "the event of the peak");
    for (const g of by) {
      const levels = g.get();
      for (let i = 0; i < a.n; i++) {
        let sum = 0;
        for (const l of levels) {
          say(l[a.at[i]] >= 0, "a holder below nothing");
          sum += l[a.at[i]];
        }
        say(sum <= a.most[i], "holders above the total");
      }
    }
  }
  if (D.foot) say(D.foot[0] === D.peak && D.foot[1] === D.event, "the footer");
  say(+$("peak").dataset.peak === D.peak, "the page's peak");
  let bill = 0;
  all("#bill tr[data-bytes]", r => { bill += +r.dataset.bytes; });
  say(bill === D.peak, "the bill");
  if (wrong.length) console.error("weirCheck: " + wrong[0]);
  return wrong.length === 0;
};

/* -- the strip ----------------------------------------------------------------------------- */
const canvas = $("strip"), picture = $("picture"), legend = $("legend").tBodies[0];
let axis = 0, group = 0, from = 0, to = 1, cursor = -1, solo = -1, colors = {}, hits = [];
const LANE = 16, RESIDENT = 46, TOP = 18, BOTTOM = 22;

function palette() {
  const s = getComputedStyle(document.documentElement);
  colors = {c: []};
  for (let i = 0; i < 10; i++) colors.c.push(s.getPropertyValue("--c" + i).trim());
  for (const k of ["bg", "ink", "dim", "line", "bad", "bar", "link"]) colors[k] = s.getPropertyValue("--" + k).trim();
}
function prepare(c, high) {
  const ratio = window.devicePixelRatio || 1, wide = c.clientWidth || c.parentNode.clientWidth;
  c.style.height = high + "px";
  c.width = Math.round(wide * ratio);
  c.height = Math.round(high * ratio);
  const g = c.getContext("2d");
  g.setTransform(ratio, 0, 0, ratio, 0, 0);
  g.clearRect(0, 0, wide, high);
  return {g, wide, high};
}
const A = () => axes[axis];
const start = i => A().from[i] / (A().length || 1);
const end = i => i + 1 < A().n ? A().from[i + 1] / (A().length || 1) : 1;
function nice(most, n) {
  let step = 1;
  while (most / step > n) step *= 2;
  return step;
}
function niceTen(span, n) {
  const raw = span / n || 1, ten = Math.pow(10, Math.floor(Math.log10(raw)));
  for (const m of [1, 2, 5, 10]) if (ten * m >= raw) return ten * m;
  return ten * 10;
}
function draw() {
  const a = A(), levels = by[group].get(), lanes = marks.n ? marks.lanes.length : 0;
  const chart = window.innerWidth < 600 ? 200 : 280, rs = resident.ns.length > 1 ? RESIDENT : 0;
  const {g, wide} = prepare(canvas, TOP + chart + BOTTOM + lanes * LANE + rs);
  /* A holder alone has a scale of its own. */
  const level = i => solo ? levels[solo - 1][a.at[i]] : levels.reduce((t, l) => t - l[a.at[i]], a.most[i]);
  const top = solo < 0 ? D.peak : a.at.reduce((m, s, i) => Math.max(m, level(i)), 0);
  const X = f => (f - from) / (to - from) * wide, Y = v => TOP + chart - (top ? v / top * chart : 0);
  g.font = "12px system-ui,sans-serif";
  const {best, least, pixel} = pixels(X, wide);
  for (let p = 0; p < best.length; p++) {
    const i = best[p], s = a.at[i], x = p * pixel;
    if (solo >= 0) {
      fill(g, x, pixel, Y(level(i)), Y(0), colors.c[solo], 1);
      continue;
    }
    let sum = 0;
    for (let h = 1; h <= levels.length + 1; h++) {
      const next = h > levels.length ? a.most[i] : sum + levels[h - 1][s], color = colors.c[h % (levels.length + 1)];
      if (sum < least[p]) fill(g, x, pixel, Y(Math.min(next, least[p])), Y(sum), color, 1);
      if (next > least[p]) fill(g, x, pixel, Y(next), Y(Math.max(sum, least[p])), color, .5);
      sum = next;
    }
  }
  g.globalAlpha = 1;
  /* Scale: ends exactly at the peak. */
  g.lineWidth = 1;
  const step = nice(top, 4);
  for (let v = step; v < top * .93; v += step) {
    g.strokeStyle = colors.ink;
    g.globalAlpha = .14;
    line(g, 0, Y(v), wide, Y(v));
    g.globalAlpha = 1;
    label(g, size(v), 3, Y(v) - 3);
  }
  g.setLineDash([2, 3]);
  const ink = solo < 0 ? colors.bad : colors.ink;
  g.strokeStyle = ink;
  line(g, 0, Y(top) + .5, wide, Y(top) + .5);
  g.setLineDash([]);
  const px = X(start(a.peak));
  g.font = "bold 12px system-ui,sans-serif";
  const text = (px >= 0 && px <= wide ? "\u25be " : "") + (solo < 0 ? "peak " + groups(top) : "alone, at most " + groups(top)) + " bytes", tw = g.measureText(text).width;
  g.fillStyle = ink;
  g.fillText(text, Math.max(2, Math.min(px - 5, wide - tw - 2)), TOP - 5);
  g.font = "12px system-ui,sans-serif";
  g.fillStyle = colors.ink;
  g.fillRect(0, Y(0), wide, 1);
  ticks(g, X, Y(0), wide);
  hits = [];
  if (lanes) drawMarks(g, X, TOP + chart + BOTTOM, wide);
  if (rs) drawResident(g, X, TOP + chart + BOTTOM + lanes * LANE, wide);
  if (cursor >= 0) {
    g.fillStyle = colors.ink;
    g.fillRect(Math.round((X(start(cursor)) + X(end(cursor))) / 2), TOP, 1, chart);
  }
}
/* Of every device pixel: the greatest column in it, and the least total; the peak's column wins. */
function pixels(X, wide) {
  const a = A(), ratio = window.devicePixelRatio || 1, n = Math.round(wide * ratio);
  const best = new Int32Array(n).fill(-1), least = new Float64Array(n).fill(Infinity);
  for (let i = 0; i < a.n; i++) {
    const x0 = X(start(i)) * ratio, x1 = X(end(i)) * ratio;
    if (x1 < 0 || x0 > n) continue;
    const p0 = Math.max(0, Math.min(n - 1, Math.floor(x0))), p1 = Math.min(n, Math.max(p0 + 1, Math.ceil(x1)));
    for (let p = p0; p < p1; p++) {
      if (best[p] < 0 || i === a.peak || (best[p] !== a.peak && a.most[i] > a.most[best[p]])) best[p] = i;
      least[p] = Math.min(least[p], a.least[i]);
    }
  }
  for (let p = 0; p < n; p++) if (best[p] < 0) { best[p] = p ? best[p - 1] : 0; least[p] = a.last[best[p]]; }
  return {best, least, pixel: 1 / ratio};
}
function fill(g, x, w, y0, y1, color, alpha) {
  if (y1 <= y0) return;
  g.globalAlpha = alpha;
  g.fillStyle = color;
  g.fillRect(x, y0, w, y1 - y0);
}
function line(g, x0, y0, x1, y1) {
  g.beginPath();
  g.moveTo(x0, y0);
  g.lineTo(x1, y1);
  g.stroke();
}
function label(g, text, x, y) {
  g.lineWidth = 3;
  g.strokeStyle = colors.bg;
  g.strokeText(text, x, y);
  g.lineWidth = 1;
  g.fillStyle = colors.dim;
  g.fillText(text, x, y);
}
function ticks(g, X, y, wide) {
  const a = A(), unit = a.timed ? (a.length >= 1e9 ? 1e9 : a.length >= 1e6 ? 1e6 : 1e3) : 1;
  const low = from * a.length / unit, high = to * a.length / unit, step = niceTen(high - low, Math.max(2, wide / 90));
  const digits = Math.max(0, Math.min(6, -Math.floor(Math.log10(step))));
  g.fillStyle = colors.dim;
  for (let v = Math.ceil(low / step) * step; v <= high; v += step) {
    const x = X(v * unit / (a.length || 1)), t = a.timed ? v.toFixed(digits) + (unit === 1e9 ? " s" : unit === 1e6 ? " ms" : " \u00b5s") : groups(v);
    const w = g.measureText(t).width;
    g.fillRect(x, y, 1, 5);
    if (x + w + 4 < wide || v === 0) g.fillText(t, x + 3, y + 15);
  }
}
function drawMarks(g, X, y, wide) {
  const a = A();
  for (let i = 0; i < marks.n; i++) {
    const at = a.timed ? marks.ns[i] : marks.from[i], long = a.timed ? marks.length[i] : marks.events[i];
    const x0 = X(at / (a.length || 1)), x1 = Math.max(X((at + long) / (a.length || 1)), x0 + .6);
    if (x1 < 0 || x0 > wide) continue;
    const l = marks.lane[i], top = y + l * LANE + 2, left = Math.max(x0, 0), w = Math.min(x1, wide) - left;
    g.globalAlpha = l ? .45 : .85;
    g.fillStyle = l ? colors.dim : colors.ink;
    g.fillRect(left, top, w > 2 ? w - 1 : w, LANE - 4);
    g.globalAlpha = 1;
    if (w > 34) {
      g.save();
      g.beginPath();
      g.rect(left, top, w - 4, LANE - 4);
      g.clip();
      g.fillStyle = l ? colors.ink : colors.bg;
      g.font = "11px system-ui,sans-serif";
      g.fillText(marks.names[marks.name[i]], left + 3, top + 10);
      g.restore();
    }
    hits.push([left, left + w, top, i]);
  }
}
function drawResident(g, X, y, wide) {
  const a = A(), n = resident.ns.length, most = resident.bytes.reduce((m, v) => Math.max(m, v), 1);
  g.strokeStyle = colors.ink;
  g.lineWidth = 1.3;
  g.beginPath();
  for (let i = 0; i < n; i++) {
    const x = X((a.timed ? resident.ns[i] : resident.number[i]) / (a.length || 1)), v = y + 28 - resident.bytes[i] / most * 24;
    if (i) g.lineTo(x, v); else g.moveTo(x, v);
  }
  g.stroke();
  g.lineWidth = 1;
  label(g, "resident, sampled: at most " + size(most), 2, y + 42);
}

/* -- reading it ------------------------------------------------------------------------------ */
function column(f) {
  const a = A(), at = f * a.length;
  let low = 0, high = a.n - 1;
  while (low < high) {
    const m = (low + high + 1) >> 1;
    if (a.from[m] <= at) low = m; else high = m - 1;
  }
  return low;
}
function moment(i) {
  const s = A().at[i], t = axes[0].timed ? time(ns[s]) + ", " : "";
  return t + "event " + groups(numbers[s]);
}
function inside(i) {
  const s = A().at[i], names = [];
  for (let m = 0; m < marks.n && names.length < 4; m++)
    if (marks.from[m] <= numbers[s] && marks.from[m] + marks.events[m] >= numbers[s])
      names.push(marks.lanes[marks.lane[m]] + " " + marks.names[marks.name[m]]);
  return names.join(", ");
}
function read(say) {
  const a = A(), i = cursor < 0 ? a.peak : cursor, s = a.at[i], levels = by[group].get();
  let rest = a.most[i];
  levels.forEach(l => { rest -= l[s]; });
  const rows = legend.rows;
  for (const r of rows) {
    const h = +r.dataset.color, v = h ? levels[h - 1][s] : rest;
    r.cells[2].textContent = size(v);
    r.cells[2].title = plain(groups(v)) + " bytes";
    r.classList.toggle("off", solo >= 0 && solo !== h);
  }
  $("legend").tFoot.rows[0].cells[2].textContent = size(a.most[i]);
  const where = inside(i), when = cursor < 0 || i === a.peak ? "at the peak" + (cursor < 0 ? "" : ", " + moment(i)) : moment(i);
  $("when").textContent = when + (where && cursor >= 0 ? ", in " + where : "") +
    (cursor >= 0 && size(a.least[i]) !== size(a.most[i]) ? "; from " + size(a.least[i]) + " to " + size(a.most[i]) : "");
  if (say) $("live").textContent = plain(when + ": " + groups(a.most[i]) + " bytes. " + [...rows].slice(-3).map(r => r.cells[1].textContent + " " + r.cells[2].textContent).join(", "));
}
function rebuild() {
  const g = by[group];
  legend.textContent = "";
  const add = (h, name, full) => {
    const r = legend.insertRow();
    r.dataset.color = h;
    r.tabIndex = 0;
    const sw = document.createElement("i");
    sw.className = "sw c" + h;
    r.insertCell().append(sw);
    const c = document.createElement("code");
    c.textContent = name;
    const cell = r.insertCell();
    cell.title = full;
    cell.append(c);
    r.insertCell().className = "n";
    const toggle = () => { solo = solo === h ? -1 : h; update(); };
    r.onclick = toggle;
    r.onkeydown = e => { if (e.key === "Enter" || e.key === " ") { e.preventDefault(); toggle(); } };
  };
  add(0, "others", "all other holders");
  for (let h = g.text.length; h-- > 0;) add(h + 1, g.text[h].name, g.text[h].full);
}
let pending = false;
function update(say) {
  if (say) read(true);
  if (pending) return;
  pending = true;
  requestAnimationFrame(() => { pending = false; draw(); read(false); });
}
function view(f, t) {
  const least = 4 / Math.max(A().n, 8), span = Math.max(least, Math.min(1, t - f));
  f = Math.max(0, Math.min(1 - span, f));
  from = f;
  to = f + span;
  update();
}
function zoom(k, at) {
  view(at - (at - from) * k, at + (to - at) * k);
}
const middle = () => cursor < 0 ? (from + to) / 2 : (start(cursor) + end(cursor)) / 2;
function show(i, say) {
  cursor = Math.max(0, Math.min(A().n - 1, i));
  const at = (start(cursor) + end(cursor)) / 2;
  if (at < from || at > to) view(at - (to - from) / 2, at + (to - from) / 2);
  update(say);
}
function peak() {
  const at = (start(A().peak) + end(A().peak)) / 2, w = Math.min(to - from, .1);
  view(at - w / 2, at + w / 2);
  show(A().peak, true);
}
const actions = {
  in: () => zoom(.5, middle()), out: () => zoom(2, middle()), peak, all: () => { cursor = -1; view(0, 1); update(true); }
};
function press(list, one) {
  all(list, b => b.setAttribute("aria-pressed", b === one));
}
all("details", d => { d.ontoggle = reach; });
all("[data-view]", b => { b.onclick = () => actions[b.dataset.view](); });
all("[data-axis]", b => {
  b.onclick = () => { axis = +b.dataset.axis; cursor = -1; press("[data-axis]", b); view(0, 1); };
});
all("[data-by]", b => {
  b.onclick = () => { group = +b.dataset.by; solo = -1; press("[data-by]", b); rebuild(); update(); };
});
let drag = null;
const place = e => from + (to - from) * e.offsetX / canvas.clientWidth;
canvas.onpointerdown = e => { drag = {x: e.offsetX, from, to}; canvas.setPointerCapture(e.pointerId); };
canvas.onpointerup = () => { drag = null; };
canvas.onpointermove = e => {
  if (drag && Math.abs(e.offsetX - drag.x) > 3) {
    const by = (drag.x - e.offsetX) / canvas.clientWidth * (drag.to - drag.from);
    view(drag.from + by, drag.to + by);
  }
  const hit = hits.find(h => e.offsetX >= h[0] && e.offsetX <= h[1] && e.offsetY >= h[2] && e.offsetY < h[2] + LANE);
  canvas.title = hit ? marks.lanes[marks.lane[hit[3]]] + " " + marks.names[marks.name[hit[3]]] : "";
  cursor = column(place(e));
  update();
};
canvas.onpointerleave = () => { if (document.activeElement !== canvas) { cursor = -1; update(); } };
canvas.ondblclick = e => zoom(.4, place(e));
canvas.addEventListener("wheel", e => {
  if (!e.ctrlKey) return;
  e.preventDefault();
  zoom(Math.exp(e.deltaY / 300), place(e));
}, {passive: false});
canvas.onkeydown = e => {
  const step = Math.max(1, Math.round((to - from) * A().n / (e.shiftKey ? 12 : 120))), at = cursor < 0 ? A().peak : cursor;
  const keys = {
    ArrowLeft: () => show(at - step, true), ArrowRight: () => show(at + step, true), Home: () => show(0, true), End: () => show(A().n - 1, true),
    "+": actions.in, "=": actions.in, "-": actions.out, 0: actions.all, p: peak, P: peak
  };
  if (!keys[e.key] || e.ctrlKey || e.altKey || e.metaKey) return;
  e.preventDefault();
  keys[e.key]();
};

/* -- the icicle ------------------------------------------------------------------------------ */
const I = D.icicle && (() => {
  const d = D.icicle, n = d.n, fn = unpack(d.function, n), parent = unpack(d.parent, n), module = unpack(d.module, d.functions.length);
  const w = d.weights.map(t => unpack(t, n)), kids = Array.from({length: n}, () => []), depth = new Uint16Array(n);
  for (let i = 0; i < n; i++) {
    parent[i] = i - parent[i];
    if (!i) continue;
    for (const m of w) m[i] = m[parent[i]] - m[i];
    depth[i] = depth[parent[i]] + 1;
    kids[parent[i]].push(i);
  }
  const modules = [...new Set(module)].map(m => {
    let t = 0;
    for (let i = 1; i < n; i++) if (module[fn[i]] === m) t += w[0][i] - kids[i].reduce((s, k) => s + w[0][k], 0);
    return [m, t];
  }).sort((a, b) => b[1] - a[1]).map(x => x[0]);
  return {n, fn, parent, module, w, kids, depth, modules, root: 0, at: 0, measure: 0, boxes: [], find: ""};
})();
const ROW = 18;
const nameOf = i => i ? D.icicle.functions[I.fn[i]] : "everything";
const shade = i => {
  const c = I.modules.indexOf(I.module[I.fn[i]]);
  return colors.c[c < 0 || c > 7 ? 9 : c + 1];
};
function icicle() {
  const w = I.w[I.measure], sorted = i => I.kids[i].filter(k => w[k] > 0).sort((a, b) => w[b] - w[a] || a - b);
  /* Where everything goes through one function, start below it. */
  const wide = $("icicle").clientWidth || $("icicle").parentNode.clientWidth, boxes = [];
  let deep = 0;
  const lay = (i, x, width, row) => {
    if (width < .4 || row > 70) return;
    boxes.push([i, x, width, row]);
    deep = Math.max(deep, row);
    for (const k of sorted(i)) {
      const kw = w[i] ? width * w[k] / w[i] : 0;
      lay(k, x, kw, row + 1);
      x += kw;
    }
  };
  lay(I.root, 0, wide, 0);
  I.boxes = boxes;
  const {g} = prepare($("icicle"), (deep + 1) * ROW + 2);
  g.font = "12px system-ui,sans-serif";
  const q = I.find.toLowerCase();
  for (const [i, x, width, row] of boxes) {
    const found = q && nameOf(i).toLowerCase().includes(q);
    g.globalAlpha = q && !found ? .25 : row % 2 ? .82 : 1;
    g.fillStyle = i ? shade(i) : colors.c[0];
    g.fillRect(x, row * ROW, width > 2 ? width - 1 : width, ROW - 1);
    g.globalAlpha = 1;
    if (found || i === I.at) {
      g.strokeStyle = i === I.at ? colors.ink : colors.bad;
      g.lineWidth = 2;
      if (i !== I.root || found) g.strokeRect(x + 1, row * ROW + 1, Math.max(1, width - 3), ROW - 3);
    }
    if (width > 26) {
      g.save();
      g.beginPath();
      g.rect(x, row * ROW, width - 3, ROW);
      g.clip();
      const dark = matchMedia("(prefers-color-scheme:dark)").matches;
      g.fillStyle = "#0d0d10";
      if (i && !dark && g.globalAlpha === 1) g.fillStyle = "#0d0d10";
      if (!i) g.fillStyle = colors.ink;
      g.fillText(brief(nameOf(i), width), x + 4, row * ROW + 13);
      g.restore();
    }
  }
}
/* The last parts of a qualified name, where the whole does not fit. */
function brief(name, width) {
  const room = width / 6.4;
  if (name.length <= room) return name;
  let depth = 0, cut = [0];
  for (let i = 0; i < name.length; i++) {
    if ("<({".includes(name[i])) depth++;
    if (">)}".includes(name[i])) depth--;
    if (!depth && name[i] === ":" && name[i + 1] === ":") cut.push(i + 2);
  }
  for (const c of cut) if (name.length - c <= room) return name.slice(c);
  return name.slice(cut[cut.length - 1]);
}
function framed() {
  const i = I.at, w = I.w[I.measure], own = w[i] - I.kids[i].reduce((t, k) => t + w[k], 0);
  const unit = v => I.measure === 3 ? groups(v) + " blocks" : size(v);
  const module = i && D.icicle.modules[I.module[I.fn[i]]];
  $("frame").textContent = nameOf(i) + (module ? " [" + module + "]" : "") + ": " + unit(w[i]) + ", " + share(w[i], w[0]) + " of all; itself " + unit(Math.max(0, own));
}
function path() {
  const p = $("path");
  p.textContent = "";
  const chain = [];
  for (let i = I.root; ; i = I.parent[i]) {
    chain.unshift(i);
    if (!i) break;
  }
  if (chain.length < 2) return;
  const shown = chain.length > 6 ? [chain[0], ...chain.slice(-5)] : chain;
  for (const i of shown) {
    const b = document.createElement("button");
    b.textContent = brief(nameOf(i), 180) + " \u203a";
    b.onclick = () => descend(i);
    p.append(b);
  }
}
function descend(i) {
  I.root = I.at = i;
  path();
  icicle();
  framed();
}
function beside(by) {
  const kids = I.kids[I.parent[I.at]].filter(k => I.w[I.measure][k] > 0).sort((a, b) => I.w[I.measure][b] - I.w[I.measure][a] || a - b);
  return kids[kids.indexOf(I.at) + by];
}
function setupIcicle() {
  const c = $("icicle");
  let top = 0;
  for (;;) {
    const kids = I.kids[top].filter(k => I.w[0][k] > 0);
    if (kids.length !== 1 || I.w[0][kids[0]] < I.w[0][top] * .995) break;
    top = kids[0];
  }
  c.hidden = $("iccontrols").hidden = $("modules").hidden = false;
  I.modules.slice(0, 8).forEach((m, i) => {
    const s = document.createElement("span"), sw = document.createElement("i");
    sw.className = "sw c" + (i + 1);
    s.append(sw, D.icicle.modules[m] || "no module");
    $("modules").append(s);
  });
  const hit = e => {
    const row = Math.floor(e.offsetY / ROW), b = I.boxes.find(b => b[3] === row && e.offsetX >= b[1] && e.offsetX < b[1] + b[2]);
    return b ? b[0] : -1;
  };
  c.onpointermove = e => { const i = hit(e); if (i >= 0 && i !== I.at) { I.at = i; icicle(); framed(); } c.title = i >= 0 ? nameOf(i) : ""; };
  c.onclick = e => { const i = hit(e); if (i >= 0) descend(i === I.root ? I.parent[i] : i); };
  c.onkeydown = e => {
    let next;
    if (e.key === "ArrowDown") next = I.kids[I.at].filter(k => I.w[I.measure][k] > 0).sort((a, b) => I.w[I.measure][b] - I.w[I.measure][a] || a - b)[0];
    else if (e.key === "ArrowUp" && I.at !== I.root) next = I.parent[I.at];
    else if (e.key === "ArrowLeft" && I.at !== I.root) next = beside(-1);
    else if (e.key === "ArrowRight" && I.at !== I.root) next = beside(1);
    else if (e.key === "Enter") { e.preventDefault(); descend(I.at); return; }
    else if (e.key === "Escape") { e.preventDefault(); descend(I.parent[I.root]); return; }
    else if (!e.key.startsWith("Arrow")) return;
    e.preventDefault();
    if (next !== undefined) { I.at = next; icicle(); framed(); }
  };
  all("[data-measure]", b => { b.onclick = () => { I.measure = +b.dataset.measure; press("[data-measure]", b); icicle(); framed(); }; });
  $("find").oninput = () => { I.find = $("find").value; icicle(); };
  descend(top);
}

/* -- the start -------------------------------------------------------------------------------- */
function redraw() {
  palette();
  update();
  if (I) icicle();
  reach();
}
palette();
picture.setAttribute("hidden", "");
$("scale").hidden = true;
canvas.hidden = $("controls").hidden = false;
rebuild();
draw();
read(false);
if (I) setupIcicle();
/* What scrolls can be reached by keys. */
function reach() {
  let n = 0;
  all(".scroll,.three>div,.tree", s => {
    n++;
    if (s.scrollWidth <= s.clientWidth) return;
    s.tabIndex = 0;
    s.setAttribute("role", "region");
    const h = s.querySelector("h3,th:not(.n)");
    s.setAttribute("aria-label", "table " + n + (h ? ": " + h.textContent : ""));
  });
}
reach();
if (location.hash === "#check") document.documentElement.dataset.check = weirCheck();
addEventListener("resize", redraw);
matchMedia("(prefers-color-scheme:dark)").addEventListener("change", redraw);
addEventListener("beforeprint", () => { picture.removeAttribute("hidden"); canvas.hidden = true; });
addEventListener("afterprint", () => { picture.setAttribute("hidden", ""); canvas.hidden = false; redraw(); });
})();
