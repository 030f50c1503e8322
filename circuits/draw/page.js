"use strict";
// The page of one circuit: its simulation from the native JSON, what is shown of it, and what keys and pointer do.

// --- Simulation: the gate table once more, for 32 patterns a number (bits) or exact integers (words) ---------------

const lookup = (x, p, at = 0, size = p.length) => {
  if (size === 1) return p[at] ? -1 : 0;
  const half = size / 2, top = x[Math.log2(half)];
  return (top & lookup(x, p, at + half, half)) | (~top & lookup(x, p, at, half));
};
const BITS = {
  const: (x, p) => (p[0] ? -1 : 0), buf: ([a]) => a, not: ([a]) => ~a,
  and: ([a, b]) => a & b, or: ([a, b]) => a | b, xor: ([a, b]) => a ^ b,
  nand: ([a, b]) => ~(a & b), nor: ([a, b]) => ~(a | b), xnor: ([a, b]) => ~(a ^ b),
  andnot: ([a, b]) => a & ~b, ornot: ([a, b]) => a | ~b,
  mux: ([s, a, b]) => (s & b) | (~s & a), maj: ([a, b, c]) => (a & b) | (c & (a | b)),
  lut1: lookup, lut2: lookup, lut3: lookup, lut4: lookup, lut5: lookup, lut6: lookup,
};
const sum = (x) => x.reduce((total, value) => total + value, 0n);
const least = (a, b) => (a < b ? a : b), most = (a, b) => (a > b ? a : b);
const WORDS = {
  const: (x, p) => p[0], add: ([a, b]) => a + b, sub: ([a, b]) => a - b, neg: ([a]) => -a, mul: ([a, b]) => a * b,
  scale: ([a], [k]) => a * k, dot: (x, p) => sum(x.map((value, i) => value * p[i])) + p[p.length - 1],
  shift: ([a], [k]) => (k >= 0n ? a << k : a >> -k), min: ([a, b]) => least(a, b), max: ([a, b]) => most(a, b),
  relu: ([a]) => most(a, 0n), clip: ([a], [lo, hi]) => most(least(a, hi), lo), eq: ([a, b]) => BigInt(a === b),
  lt: ([a, b]) => BigInt(a < b), threshold: ([a], [level]) => BigInt(a >= level), mux: ([s, a, b]) => (s ? b : a),
  table: ([a], p) => p[Number(a)], popcount: sum, pack: (x) => sum(x.map((bit, i) => bit << BigInt(i))),
  slice: ([a], [from]) => a >> from,
  argmax: (x) => BigInt(x.reduce((best, value, i) => (value > x[best] ? i : best), 0)),
};

/** The range of a type such as s8 or u4sat, whether it saturates, and whether it is a bit. */
function word(text) {
  const [, sign, bits, saturate] = /^([su])(\d+)(sat)?$/.exec(text === "bit" ? "u1" : text);
  const size = 1n << BigInt(bits), lo = sign === "s" ? -(size >> 1n) : 0n;
  return { text, lo, hi: lo + size - 1n, size, saturate: Boolean(saturate), bit: sign === "u" && bits === "1" };
}
const fit = (value, { lo, hi, size, saturate }) =>
  saturate ? most(lo, least(hi, value)) : ((((value - lo) % size) + size) % size) + lo;

/** Read the native JSON. Parameters may pass 2^53, so they are read from their own line, exactly. */
function read(text) {
  const c = JSON.parse(text), inputs = c.input_names.length;
  const exact = /\n {2}"params": \[(.*?)\]/.exec(text)[1].split(",").filter((part) => part.trim()).map(BigInt);
  const types = (c.types || Array(inputs + c.op.length).fill("bit")).map(word);
  const names = [...c.input_names];
  const taken = new Set(names);
  let prefix = "g";
  while (c.op.some((_, g) => taken.has(prefix + g))) prefix += "_";
  const gates = c.op.map((op, g) => {
    names.push(prefix + g);
    const fanin = c.fanin.slice(c.fanin_start[g], c.fanin_start[g + 1]);
    const bits = op in BITS && types[inputs + g].bit && fanin.every((f) => types[f].bit);
    const part = exact.slice(c.param_start[g], c.param_start[g + 1]);
    return { op, fanin, bits, params: bits ? part.map(Number) : part, run: bits ? BITS[op] : WORDS[op] };
  });
  const level = Array(inputs).fill(0), readers = names.map(() => []);
  gates.forEach(({ op, fanin }, g) => {
    const free = op === "not" || op === "buf";
    level.push(fanin.length ? Math.max(...fanin.map((f) => level[f])) + (free ? 0 : 1) : 0);
    new Set(fanin).forEach((f) => readers[f].push(inputs + g));
  });
  const words = types.some((t) => !t.bit) || gates.some((gate) => !gate.bits);
  return { ...c, inputs, names, gates, types, level, readers, words };
}

/** Simulate 32 patterns of bits; where `flips` has ones, a wire is inverted after it is computed. */
function lanes(c, given, flips) {
  const values = new Int32Array(c.names.length);
  for (let w = 0; w < c.inputs; w++) values[w] = given[w] ^ (flips ? flips[w] : 0);
  for (let g = 0; g < c.gates.length; g++) {
    const gate = c.gates[g], w = c.inputs + g;
    values[w] = gate.run(gate.fanin.map((f) => values[f]), gate.params) ^ (flips ? flips[w] : 0);
  }
  return values;
}

/** Return the value of every wire, as exact integers, from one integer an input. */
function simulate(c, given) {
  if (!c.words) return Array.from(lanes(c, given.map((v) => -Number(v))), (v) => BigInt(v & 1));
  const values = given.map(BigInt);
  c.gates.forEach((gate, g) => {
    const x = gate.fanin.map((f) => values[f]);
    values.push(gate.bits ? BigInt(gate.run(x.map((v) => (v ? -1 : 0)), gate.params) & 1)
      : fit(gate.run(x, gate.params), c.types[c.inputs + g]));
  });
  return values;
}

/** Return which outputs each of some wires inverts if it alone is inverted, as arrays of places: 32 a simulation. */
function derivatives(c, given, wires) {
  const base = given.map((v) => -Number(v)), plain = lanes(c, base), found = wires.map(() => []);
  for (let first = 0; first < wires.length; first += 32) {
    const flips = new Int32Array(c.names.length), some = wires.slice(first, first + 32);
    some.forEach((w, k) => { flips[w] = 1 << k; });
    const values = lanes(c, base, flips);
    c.outputs.forEach((w, o) => {
      const changed = values[w] ^ plain[w];
      some.forEach((_, k) => { if ((changed >>> k) & 1) found[first + k].push(o); });
    });
  }
  return found;
}

/** Return how often each wire is 1: on all patterns of up to 12 bits, else on 4,096 of xorshift (Marsaglia 2003). */
function frequencies(c) {
  const all = c.inputs <= 12, patterns = all ? 1 << c.inputs : 4096, ones = new Float64Array(c.names.length);
  const spread = [0xaaaaaaaa, 0xcccccccc, 0xf0f0f0f0, 0xff00ff00, 0xffff0000];
  let seed = 2463534242;
  const draw = () => { seed ^= seed << 13; seed ^= seed >>> 17; return (seed ^= seed << 5); };
  for (let at = 0; at < patterns; at += 32) {
    const given = Array.from({ length: c.inputs }, (_, i) => (all ? (i < 5 ? spread[i] : -((at >> i) & 1)) : draw()));
    const mask = patterns - at >= 32 ? -1 : (1 << (patterns - at)) - 1;
    lanes(c, given).forEach((value, w) => { for (let v = value & mask; v; v &= v - 1) ones[w]++; });
  }
  return { share: Array.from(ones, (n) => n / patterns), patterns, all };
}

/** Return a text for each wire of bits, equal for wires that are equal, or complements, on 512 patterns of xorshift. */
function signatures(c) {
  const found = c.names.map(() => []);
  const seeds = c.input_names.map((name) => [...name].reduce((h, x) => Math.imul(h ^ x.codePointAt(0), 16777619), 2166136261));
  const draw = (_, i) => { let s = seeds[i] || 1; s ^= s << 13; s ^= s >>> 17; return (seeds[i] = s ^ (s << 5)); };
  for (let round = 0; round < 16; round++)
    lanes(c, seeds.map(draw)).forEach((value, w) => found[w].push(value));
  return found.map((values) => values.map((value) => (values[0] & 1 ? ~value : value)).join());
}

// --- The page ------------------------------------------------------------------------------------------------------

const $ = (id) => document.getElementById(id);
const frames = JSON.parse($("data").textContent);
const state = { frame: 0, circuit: null, given: [], values: [], slopes: null, selected: -1, output: -1 };
const MINUS = "\u2212";
const show = (value) => String(value).replace("-", MINUS);

function element(tag, text = "", attributes = {}) {
  const made = document.createElement(tag);
  made.textContent = text;
  Object.entries(attributes).forEach(([name, value]) => made.setAttribute(name, value));
  return made;
}

/** Join some paths of one look into the first of them, which is much less to paint. */
function joined(paths) {
  const [first, ...others] = paths, line = paths.map((path) => path.getAttribute("d")).join("");
  if (others.length) first.setAttribute("d", line);
  others.forEach((path) => path.remove());
  return line;
}

/** Make every wire easy to meet and to mark: a wide unseen copy under the lines of all wires. */
function prepare(svg) {
  state.groups = new Map();
  svg.querySelectorAll(":scope > rect, .reach").forEach((old) => old.remove());
  const made = (tag) => document.createElementNS("http://www.w3.org/2000/svg", tag), under = made("g");
  for (const group of svg.querySelectorAll("g[data-wire]")) {
    const wire = Number(group.dataset.wire);
    if (!state.groups.has(wire)) state.groups.set(wire, []);
    state.groups.get(wire).push(group);
    if (!group.classList.contains("net")) continue;
    const reach = made("g"), path = made("path");
    path.setAttribute("d", joined([...group.querySelectorAll("path:not(.dot)")]));
    joined([...group.querySelectorAll(".dot")]);
    reach.append(...group.querySelectorAll("title"), path);
    reach.setAttribute("class", "reach");
    reach.dataset.wire = wire;
    state.groups.get(wire).push(reach);
    under.append(reach);
  }
  svg.prepend(under);
  const { x, y, width, height } = svg.getBBox();
  state.size = { x, y, width, height };
}

/** Return the wires that feed a wire and that it feeds, itself included. */
function coneOf(wire) {
  const { gates, inputs, readers } = state.circuit, found = new Set();
  for (const next of [(w) => (w < inputs ? [] : gates[w - inputs].fanin), (w) => readers[w]]) {
    const todo = [wire], seen = new Set(todo);
    while (todo.length) next(todo.pop()).forEach((w) => { if (!seen.has(w)) { seen.add(w); todo.push(w); } });
    seen.forEach((w) => found.add(w));
  }
  return found;
}

/** Paint what changed since the last time. */
function repaint() {
  const { circuit: c, given } = state;
  state.values = simulate(c, given);
  state.slopes = c.words || !$("sensitive").checked ? null : derivatives(c, given, c.names.map((_, w) => w));
  const painted = (state.painted ||= new Map());
  const cone = $("cone").checked && state.selected >= 0 ? coneOf(state.selected) : null;
  for (const [wire, groups] of state.groups) {
    const value = state.values[wire];
    const moved = state.slopes &&
      (state.output < 0 ? state.slopes[wire].length > 0 : state.slopes[wire].includes(state.output));
    const look = `${value ? "v1" : "v0"}${moved ? " moves" : ""}${wire === state.selected ? " selected" : ""}` +
      (cone && !cone.has(wire) ? " faint" : "");
    const key = `${look} ${value}`;
    if (painted.get(wire) === key) continue;
    painted.set(wire, key);
    for (const group of groups) {
      const [kind] = group.classList;
      group.setAttribute("class", `${kind} ${look}`);
      const text = (kind === "output" || (kind === "value" && !state.far)) && group.querySelector("text");
      if (text && kind === "value") text.textContent = show(value);
      if (text && kind === "output") text.textContent = text.textContent.replace(/ = [^=]*$/, ` = ${show(value)}`);
    }
  }
  paintPorts();
  paintDetails();
}

function paintPorts() {
  const { circuit: c } = state;
  c.input_names.forEach((_, i) => {
    const port = $("inputs").children[i].lastChild;
    if (c.types[i].bit) {
      port.setAttribute("aria-checked", String(Boolean(state.given[i])));
      port.textContent = String(state.given[i]);
    } else if (document.activeElement !== port) port.value = String(state.given[i]);
  });
  c.outputs.forEach((wire, o) => {
    const [port] = $("outputs").children[o].children;
    port.lastChild.textContent = show(state.values[wire]);
    port.setAttribute("aria-pressed", String(state.output === o));
    port.lastChild.className = `bit ${state.values[wire] ? "one" : ""}`;
  });
  const row = state.given.reduce((address, value, i) => address + (Number(value) << i), 0);
  document.querySelectorAll("#table tbody tr").forEach((tr, k) => tr.classList.toggle("now", k === row));
}

/** Set some inputs, by place, and show what follows. */
function set(changes) {
  Object.entries(changes).forEach(([i, value]) => {
    const { lo, hi } = state.circuit.types[i];
    state.given[i] = most(lo, least(hi, BigInt(value)));
  });
  repaint();
}
const toggle = (i) => set({ [i]: 1n - state.given[i] });

function listPorts() {
  const { circuit: c } = state;
  const long = [...c.input_names, ...c.output_names].some((name) => name.length > 10);
  $("inputs").className = $("outputs").className = long ? "long" : "";
  $("inputs").replaceChildren(...c.input_names.map((name, i) => {
    const item = element("li"), label = element("span", name, { class: "name", title: name });
    item.append(label);
    if (c.types[i].bit) {
      const button = element("button", "0", { role: "switch", class: "bit", "aria-label": `input ${name}` });
      button.onclick = () => toggle(i);
      item.append(button);
    } else {
      const { lo, hi, text } = c.types[i];
      const field = element("input", "", { type: "number", min: lo, max: hi, step: 1, title: `${text}, ${lo} to ${hi}`,
        "aria-label": `input ${name}, ${lo} to ${hi}` });
      field.oninput = () => { if (/^-?\d+$/.test(field.value)) set({ [i]: field.value }); };
      item.append(field);
    }
    return item;
  }));
  $("outputs").replaceChildren(...c.output_names.map((name, o) => {
    const item = element("li");
    const button = element("button", "", { class: "port", title: `show what changes ${name}` });
    button.append(element("span", name, { class: "name" }), element("span", "0", { class: "bit" }));
    button.onclick = () => {
      state.output = state.output === o ? -1 : o;
      select(c.outputs[o]);
    };
    item.append(button);
    return item;
  }));
}

/** Write the truth table of up to six inputs; a row sets its pattern. */
function writeTable() {
  const { circuit: c } = state, small = !c.words && c.inputs <= 6 && c.inputs > 0 && c.outputs.length > 0;
  $("table-box").hidden = !small;
  if (!small) return;
  const head = element("tr");
  [...c.input_names, ...c.output_names].forEach((name, k) =>
    head.append(element("th", name, { scope: "col", class: k === c.inputs ? "first" : "" })));
  const body = Array.from({ length: 1 << c.inputs }, (_, row) => {
    const given = c.input_names.map((_, i) => BigInt((row >> i) & 1)), values = simulate(c, given);
    const tr = element("tr", "", { tabindex: 0 });
    [...given, ...c.outputs.map((w) => values[w])].forEach((value, k) =>
      tr.append(element("td", value, { class: `${value ? "one" : ""}${k === c.inputs ? " first" : ""}` })));
    tr.onclick = () => set({ ...given });
    tr.onkeydown = (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      tr.click();
    };
    return tr;
  });
  const table = element("table"), thead = element("thead"), tbody = element("tbody");
  thead.append(head);
  tbody.append(...body);
  table.append(thead, tbody);
  $("table").replaceChildren(table);
}

const circuitOf = (frame) => (frame.read ||= read(frame.circuit));
const functionsOf = (frame) => (frame.functions ||= signatures(circuitOf(frame)));

function link(wire) {
  const { circuit: c } = state, button = element("button", c.names[wire], { class: "link" });
  button.onclick = () => { select(wire); centre(wire); };
  return button;
}

function paintDetails() {
  const { circuit: c, selected: wire } = state, box = $("details");
  if (wire < 0 || wire >= c.names.length) {
    box.replaceChildren(element("p", "Click a gate or a wire, or search for one.", { class: "quiet" }));
    return;
  }
  const gate = c.gates[wire - c.inputs], rows = [], named = c.outputs.flatMap((w, o) => (w === wire ? [o] : []));
  const row = (what, ...content) => {
    const cell = element("dd");
    cell.append(...content);
    rows.push(element("dt", what), cell);
  };
  row("function", gate ? gate.op : "input");
  if (!c.types[wire].bit) row("type", `${c.types[wire].text}, ${show(c.types[wire].lo)} to ${show(c.types[wire].hi)}`);
  row("value", show(state.values[wire]));
  if (!c.words) {
    const moved = derivatives(c, state.given, [wire])[0].map((o) => {
      const rises = state.values[c.outputs[o]] === state.values[wire];
      return `${c.output_names[o]} ${rises ? "rises" : "falls"} with it`;
    });
    row("derivative", moved.slice(0, 8).join(", ") + (moved.length > 8 ? " \u2026" : "") || "changes no output");
    const { share, patterns, all } = (c.often ||= frequencies(c));
    row("is 1", `${(100 * share[wire]).toFixed(1)} % of ${all ? "all" : "drawn"} ${show(patterns)} patterns`);
  }
  row("level", String(c.level[wire]));
  const kept = frames.filter((frame) => frame.circuit && !circuitOf(frame).words);
  if (gate && !c.words && kept.length > 1) {
    const own = functionsOf(state.shown)[wire], has = kept.map((frame) => functionsOf(frame).includes(own));
    const [[what, at] = ["the", "end"]] = Object.entries(kept[has.indexOf(true)].facts);
    row("its function", `in ${has.filter(Boolean).length} of ${kept.length} circuits shown, first at ${what} ${show(at)}`);
  }
  const some = (wires) => (wires.length ? wires.slice(0, 24).map(link) : ["none"]);
  if (gate) row("reads", ...some(gate.fanin), ...(gate.fanin.length > 24 ? [` of ${gate.fanin.length}`] : []));
  row(`read by ${c.readers[wire].length}`, ...some(c.readers[wire]));
  if (named.length) row("drives", named.map((o) => c.output_names[o]).join(", "));
  if (gate && gate.params.length && !gate.bits)
    row("parameters", gate.params.slice(0, 16).map(show).join(" ") + (gate.params.length > 16 ? " \u2026" : ""));
  const list = element("dl"), parts = [element("h3", c.names[wire]), list];
  list.append(...rows);
  if (gate && gate.bits && gate.fanin.length > 0 && gate.fanin.length <= 6) parts.push(gateTable(gate));
  box.replaceChildren(...parts);
}

function gateTable(gate) {
  const { circuit: c } = state, table = element("table"), head = element("tr"), n = gate.fanin.length;
  gate.fanin.forEach((f) => head.append(element("th", c.names[f], { scope: "col" })));
  head.append(element("th", "=", { class: "first" }));
  table.append(head);
  const now = gate.fanin.reduce((address, f, i) => address + (Number(state.values[f]) << i), 0);
  for (let address = 0; address < 1 << n; address++) {
    const x = gate.fanin.map((_, i) => -((address >> i) & 1));
    const tr = element("tr", "", { class: address === now ? "now" : "" });
    x.forEach((value) => tr.append(element("td", -value)));
    const out = gate.run(x, gate.params) & 1;
    tr.append(element("td", out, { class: `first ${out ? "one" : ""}` }));
    table.append(tr);
  }
  return table;
}

function select(wire) {
  state.selected = wire;
  repaint();
}

// --- Pan and zoom: the picture's viewBox ---------------------------------------------------------------------------

const FAR = 1.8; // points a pixel
let view = null;
const picture = () => $("picture").querySelector("svg");

/** Show the part that is looked at; values too small to be read are left out, which saves much of a repaint. */
function applyView() {
  picture().setAttribute("viewBox", `${view.x} ${view.y} ${view.w} ${view.h}`);
  const far = view.w / Math.max($("picture").clientWidth, 1) > FAR;
  picture().classList.toggle("far", far);
  if (!far && state.far) state.painted = null;
  const nearer = state.far && !far && state.values.length;
  state.far = far;
  if (nearer) repaint();
}

function fitView() {
  const box = $("picture").getBoundingClientRect(), { x, y, width, height } = state.size;
  const scale = 1.06 * Math.max(width / Math.max(box.width, 1), height / Math.max(box.height, 1));
  view = { w: box.width * scale, h: box.height * scale };
  view.x = x + (width - view.w) / 2;
  view.y = y + (height - view.h) / 2;
  applyView();
}

function zoom(factor, px = 0.5, py = 0.5) {
  const limit = 4 * Math.max(state.size.width, state.size.height);
  const w = Math.min(Math.max(view.w / factor, 40), limit), h = (view.h * w) / view.w;
  view = { x: view.x + (view.w - w) * px, y: view.y + (view.h - h) * py, w, h };
  applyView();
}

function pan(dx, dy) {
  view.x += dx * view.w;
  view.y += dy * view.h;
  applyView();
}

function centre(wire) {
  const group = (state.groups.get(wire) || []).find((g) => g.matches(".gate, .input"));
  if (!group) return;
  const box = group.getBBox(), w = Math.min(view.w, 500), h = (view.h * w) / view.w;
  view = { x: box.x + box.width / 2 - w / 2, y: box.y + box.height / 2 - h / 2, w, h };
  applyView();
}

function listenToPointers(area) {
  const down = new Map();
  let moved = 0;
  const gap = () => { const [a, b] = [...down.values()]; return Math.hypot(a.x - b.x, a.y - b.y); };
  area.onpointerdown = (event) => { down.set(event.pointerId, { x: event.clientX, y: event.clientY }); moved = 0; };
  area.onpointermove = (event) => {
    const before = down.get(event.pointerId);
    if (!before) return;
    const box = area.getBoundingClientRect(), wide = down.size === 2 ? gap() : 0;
    const dx = event.clientX - before.x, dy = event.clientY - before.y;
    moved += Math.abs(dx) + Math.abs(dy);
    if (moved < 5) return;
    area.setPointerCapture(event.pointerId);
    down.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (wide) zoom(gap() / wide, (event.clientX - box.x) / box.width, (event.clientY - box.y) / box.height);
    else pan(-dx / box.width, -dy / box.height);
  };
  area.onpointerup = area.onpointercancel = (event) => down.delete(event.pointerId);
  area.addEventListener("wheel", (event) => {
    event.preventDefault();
    const box = area.getBoundingClientRect();
    zoom(Math.exp(-event.deltaY * 0.0015), (event.clientX - box.x) / box.width, (event.clientY - box.y) / box.height);
  }, { passive: false });
  area.addEventListener("click", (event) => {
    const group = event.target.closest("g[data-wire]");
    if (!group || moved >= 5) return;
    const wire = Number(group.dataset.wire);
    if (group.classList.contains("input") && state.circuit.types[wire].bit) toggle(wire);
    select(wire);
  });
}

// --- Search, replay, keys ------------------------------------------------------------------------------------------

/** Return the wires whose name, gate or output holds a text, those that are it first. */
function matches(text) {
  const { circuit: c } = state, wanted = text.toLowerCase(), found = [];
  c.names.forEach((name, w) => {
    const outputs = c.outputs.flatMap((wire, o) => (wire === w ? [c.output_names[o]] : []));
    const words = [name, w < c.inputs ? "input" : c.gates[w - c.inputs].op, ...outputs];
    const lower = words.map((part) => part.toLowerCase());
    if (lower.some((part) => part.includes(wanted))) found.push([lower.includes(wanted) ? 0 : 1, w, words.join("  ")]);
  });
  return found.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
}

function search() {
  const text = $("search").value.trim(), found = text ? matches(text) : [];
  const rest = found.length > 8 ? `${show(found.length)} found` : found.length || !text ? "" : "nothing found";
  $("found").replaceChildren(...found.slice(0, 8).map(([, wire, words]) => {
    const item = element("li"), button = element("button", words, { class: "link" });
    button.onclick = () => { select(wire); centre(wire); $("found").replaceChildren(); };
    item.append(button);
    return item;
  }), ...(rest ? [element("li", rest, { class: "quiet" })] : []));
  return found;
}

const CURVES = { errors: ["errors", "loss"], ands: ["ands", "validation"] };

/** Draw how two numbers went: polylines over the frames, the one shown marked. */
function sparkline() {
  const told = [];
  const made = Object.entries(CURVES).map(([kind, names]) => {
    const name = names.find((each) => frames.some((frame) => each in frame.facts));
    const values = frames.map((frame) => frame.facts[name]), top = Math.max(...values.filter(Number.isFinite), 1);
    const at = values.map((value, k) => `${(100 * k) / (frames.length - 1)},${28 - (26 * value) / top}`);
    if (name) told.push(`${name} (${kind === "errors" ? "orange" : "blue"})`);
    return `<polyline class="${kind}" points="${at.filter((_, k) => Number.isFinite(values[k])).join(" ")}"/>`;
  });
  const x = (100 * state.frame) / (frames.length - 1);
  $("curve").innerHTML = `${made.join("")}<line x1="${x}" x2="${x}" y1="0" y2="30"/>`;
  $("curve").setAttribute("aria-label", told.join(" and "));
}

/** Write what a classifier answered to held-out samples: a row a true class, a column an answer. */
function writeConfusion() {
  const { confusion } = frames.findLast((frame) => frame.confusion) || {};
  $("confusion-box").hidden = !confusion;
  if (!confusion) return;
  const answers = Object.keys(confusion), table = element("table"), head = element("tr");
  head.append(element("th", "class"), ...answers.map((name) => element("th", name, { scope: "col" })));
  table.append(head, ...confusion[answers[0]].map((_, row) => {
    const tr = element("tr"), total = answers.reduce((sum, name) => sum + confusion[name][row], 0);
    tr.append(element("th", answers[row], { scope: "row" }), ...answers.map((name, column) => {
      const count = confusion[name][row], part = Math.round((70 * count) / Math.max(total, 1));
      const shade = `background: color-mix(in srgb, var(${row === column ? "--accent" : "--wrong"}) ${part}%, transparent)`;
      return element("td", count || "", count ? { style: shade } : {});
    }));
    return tr;
  }));
  $("confusion").replaceChildren(table);
}

/** Show a frame: its circuit, or the last one where only its facts are kept. */
function showFrame(place) {
  state.frame = Math.min(Math.max(place, 0), frames.length - 1);
  const frame = frames[state.frame], kept = Boolean(frame.circuit);
  showCircuit(kept ? frame : frames[frames.length - 1]);
  $("when").value = state.frame;
  const facts = Object.entries(frame.facts).map(([name, value]) => `${name} ${show(value)}`);
  $("facts").textContent = (facts.join(", ") || "the circuit itself") + (kept ? "" : "; the circuit is that of the end");
  if (frames.length > 1) sparkline();
}

function showCircuit(frame) {
  if (state.shown === frame) return;
  state.shown = frame;
  const before = state.circuit, values = new Map();
  if (before) before.input_names.forEach((name, i) => values.set(name, state.given[i]));
  if (frame.svg) $("picture").innerHTML = frame.svg;
  else frame.svg = $("picture").innerHTML;
  const svg = picture();
  state.circuit = circuitOf(frame);
  state.painted = null;
  state.given = state.circuit.input_names.map((name, i) => values.get(name) ?? BigInt(frame.given[i]));
  if (state.selected >= state.circuit.names.length) state.selected = -1;
  prepare(svg);
  listPorts();
  writeTable();
  fitView();
  repaint();
}

let playing = 0;
function play() {
  if (playing) playing = clearInterval(playing);
  else {
    if (state.frame === frames.length - 1) showFrame(0);
    playing = setInterval(() => (state.frame < frames.length - 1 ? showFrame(state.frame + 1) : play()), 700);
  }
  $("play").textContent = playing ? "stop" : "play";
}

const KEYS = {
  "/": () => $("search").focus(), "+": () => zoom(1.25), "=": () => zoom(1.25), "-": () => zoom(0.8), 0: fitView,
  d: () => document.body.classList.toggle("dark"),
  "[": () => showFrame(state.frame - 1), "]": () => showFrame(state.frame + 1),
  "?": () => { $("help").hidden = !$("help").hidden; },
  Escape: () => { state.output = -1; $("help").hidden = true; $("found").replaceChildren(); select(-1); },
};
const ARROWS = { ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowUp: [0, -0.1], ArrowDown: [0, 0.1] };

document.addEventListener("keydown", (event) => {
  const typing = event.target.matches("input:not([type=checkbox]):not([type=range])");
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (typing && event.key !== "Escape") return;
  if (event.key in ARROWS && event.target.id === "picture") pan(...ARROWS[event.key]);
  else if (event.key in KEYS) KEYS[event.key]();
  else return;
  event.preventDefault();
});
$("search").oninput = search;
$("search").onkeydown = (event) => {
  if (event.key === "Enter" && search().length) $("found").querySelector("button").click();
};
$("zoom-in").onclick = KEYS["+"];
$("zoom-out").onclick = KEYS["-"];
$("fit").onclick = fitView;
$("dark").onclick = KEYS.d;
$("keys").onclick = KEYS["?"];
$("clear").onclick = () => set(Object.fromEntries(state.given.map((_, i) => [i, 0n])));
$("sensitive").onchange = $("cone").onchange = repaint;
$("replay").hidden = frames.length < 2;
$("when").max = frames.length - 1;
$("when").oninput = () => showFrame(Number($("when").value));
$("play").onclick = play;
if (matchMedia("(prefers-color-scheme: dark)").matches) document.body.classList.add("dark");
listenToPointers($("picture"));
addEventListener("resize", fitView);
$("sensitive").checked = read(frames[frames.length - 1].circuit).gates.length <= 100;
writeConfusion();
showFrame(frames.length - 1);
