"use strict";
// A size such as ceil(H/2) or (H//16)*(W//16) + 1 with numbers for its names. Fractions of
// BigInt keep `/` exact. Nothing is ever executed: this is a parser for those words alone.
function evaluate(text, sizes) {
  const tokens = String(text).match(/\d+|[\p{L}_][\p{L}\p{N}_]*|\*\*|\/\/|\S/gu) || [];
  if (tokens.length > 4000) throw new Error("too long");
  let place = 0;
  const gcd = (a, b) => { while (b) [a, b] = [b, a % b]; return a < 0n ? -a : a; };
  const fraction = (n, d) => {
    if (d === 0n) throw new Error("division by zero");
    if (d < 0n) [n, d] = [-n, -d];
    const g = gcd(n, d) || 1n;
    return { n: n / g, d: d / g };
  };
  const floored = (n, d) => (n - (((n % d) + d) % d)) / d;
  const floor = (x) => fraction(floored(x.n, x.d), 1n);
  const plus = (a, b) => fraction(a.n * b.d + b.n * a.d, a.d * b.d);
  const negative = (a) => ({ n: -a.n, d: a.d });
  const times = (a, b) => fraction(a.n * b.n, a.d * b.d);
  const over = (a, b) => fraction(a.n * b.d, a.d * b.n);
  const less = (a, b) => a.n * b.d < b.n * a.d;
  const functions = {
    floor: (x) => floor(x),
    ceil: (x) => negative(floor(negative(x))),
    max: (...all) => all.reduce((a, b) => (less(a, b) ? b : a)),
    min: (...all) => all.reduce((a, b) => (less(b, a) ? b : a)),
  };
  const operators = {
    "+": plus, "-": (a, b) => plus(a, negative(b)), "*": times, "/": over,
    "//": (a, b) => floor(over(a, b)),
    "%": (a, b) => plus(a, negative(times(b, floor(over(a, b))))),
  };
  const expect = (token) => {
    if (tokens[place++] !== token) throw new Error("expected " + token);
  };
  const chain = (symbols, inner) => {
    let value = inner();
    while (symbols.includes(tokens[place])) value = operators[tokens[place++]](value, inner());
    return value;
  };
  const sum = () => chain(["+", "-"], product);
  const product = () => chain(["*", "/", "//", "%"], signed);
  const signed = () => {
    if (tokens[place] !== "-") return power();
    place++;
    return negative(signed());
  };
  const power = () => {
    const base = atom();
    if (tokens[place] !== "**") return base;
    place++;
    const exponent = atom();
    if (exponent.d !== 1n || exponent.n < 0n || exponent.n > 64n) throw new Error("bad power");
    return { n: base.n ** exponent.n, d: base.d ** exponent.n };
  };
  const atom = () => {
    const token = tokens[place++];
    if (token === undefined) throw new Error("it ends too early");
    if (/^\d+$/.test(token)) return { n: BigInt(token), d: 1n };
    if (token === "(") { const value = sum(); expect(")"); return value; }
    if (tokens[place] === "(" && Object.hasOwn(functions, token)) {
      place++;
      const all = [sum()];
      while (tokens[place] === ",") { place++; all.push(sum()); }
      expect(")");
      return functions[token](...all);
    }
    if (!Object.hasOwn(sizes, token)) throw new Error("unknown size " + token);
    return { n: BigInt(sizes[token]), d: 1n };
  };
  const value = sum();
  if (place < tokens.length) throw new Error("unexpected " + tokens[place]);
  if (value.d !== 1n) throw new Error("not a whole number");
  return value.n;
}

// The sizes in "x: B × 3 × H" or "float32 [B, 3, H]": what stands before them, and each one.
function splitShape(text) {
  const listed = /^([^[\]×,]*)\[(.*)\]\s*$/su.exec(text);
  const named = listed ?? /^(\s*[\p{L}_][\p{L}\p{N}_.]*\s*:)(.*)$/su.exec(text) ?? ["", "", text];
  const parts = [""];
  let depth = 0;
  for (const c of named[2]) {
    depth += c === "(" ? 1 : c === ")" ? -1 : 0;
    if (depth === 0 && (c === "×" || c === ",")) parts.push("");
    else parts[parts.length - 1] += c;
  }
  return { name: named[1].trim(), parts: parts.map((part) => part.trim()) };
}

function shapeInNumbers(text, sizes) {
  const { name, parts } = splitShape(text);
  if (parts.length === 1 && parts[0] === "") return text;
  const numbers = parts.map((part) => evaluate(part, sizes).toString()).join(" × ");
  return name ? name + " " + numbers : numbers;
}

function grouped(number) { return number.toString().replace(/\B(?=(\d{3})+$)/g, ","); }

function start() {
  const data = JSON.parse(document.getElementById("data").textContent);
  const SVG = "http://www.w3.org/2000/svg";
  const at = (id) => document.getElementById(id);
  const [stage, canvas, panel, search, found] = ["stage", "canvas", "panel", "search", "found"].map(at);
  const symbols = data.model.symbols;
  const state = { level: 0, box: null, sizes: {}, numbers: false };
  const view = { x: 0, y: 0, scale: 1 };
  const pictures = [...document.querySelectorAll("template.level")];
  let hits = new Map();

  function element(name, text, options = {}) {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    for (const [key, value] of Object.entries(options)) made.setAttribute(key, value);
    return made;
  }
  const drawn = (name, options) => {
    const made = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(options)) made.setAttribute(key, value);
    return made;
  };
  const level = () => data.levels[state.level];
  const boxOf = (id) => level().boxes.find((box) => box.id === id);

  // --- the address: level, box and sizes, so that a link shows what I see
  function readAddress() {
    const words = new URLSearchParams(location.hash.slice(1));
    const number = data.levels.findIndex((one) => one.name === words.get("level"));
    state.level = Math.max(0, number);
    state.box = boxOf(words.get("box")) ? words.get("box") : null;
    state.numbers = words.get("numbers") === "1";
    for (const symbol of symbols) {
      const given = words.get("size." + symbol.name) ?? "";
      state.sizes[symbol.name] = /^\d{1,15}$/.test(given) ? given : String(symbol.value);
    }
  }
  function writeAddress(push) {
    const words = new URLSearchParams();
    if (state.level) words.set("level", level().name);
    if (state.box !== null) words.set("box", state.box);
    if (state.numbers) words.set("numbers", "1");
    for (const symbol of symbols) {
      const value = state.sizes[symbol.name];
      if (value !== String(symbol.value)) words.set("size." + symbol.name, value);
    }
    const hash = "#" + words;
    if (hash === (location.hash || "#")) return;
    history[push ? "pushState" : "replaceState"](null, "", hash);
  }

  // --- pan and zoom
  function place() {
    canvas.style.transform = `translate(${view.x}px, ${view.y}px) scale(${view.scale})`;
  }
  function zoom(factor, x = stage.clientWidth / 2, y = stage.clientHeight / 2) {
    const scale = Math.min(16, Math.max(0.02, view.scale * factor));
    const real = scale / view.scale;
    view.x = x - (x - view.x) * real;
    view.y = y - (y - view.y) * real;
    view.scale = scale;
    place();
  }
  function fit(area = { x: 0, y: 0, width: level().width, height: level().height }, most = 3) {
    const wide = stage.clientWidth - (panel.hidden || innerWidth <= 640 ? 0 : panel.offsetWidth);
    const high = stage.clientHeight - 26; // the line of help stands below
    view.scale = Math.min(most, 0.96 * Math.min(wide / area.width, high / area.height));
    view.x = wide / 2 - (area.x + area.width / 2) * view.scale;
    view.y = high / 2 - (area.y + area.height / 2) * view.scale;
    place();
  }
  function reveal(boxes) {
    if (!boxes.length) return fit();
    const left = Math.min(...boxes.map((b) => b.x)), top = Math.min(...boxes.map((b) => b.y));
    const right = Math.max(...boxes.map((b) => b.x + b.width));
    const bottom = Math.max(...boxes.map((b) => b.y + b.height));
    fit({ x: left - 40, y: top - 40, width: right - left + 80, height: bottom - top + 80 }, 1.6);
  }
  function show(box) {
    const x = view.x + (box.x + box.width / 2) * view.scale;
    const y = view.y + (box.y + box.height / 2) * view.scale;
    const wide = stage.clientWidth - (panel.hidden ? 0 : panel.offsetWidth);
    if (x < 20 || y < 20 || x > wide - 20 || y > stage.clientHeight - 20) {
      view.x += wide / 2 - x;
      view.y += stage.clientHeight / 2 - y;
      place();
    }
  }

  // --- the picture and, over it, what can be clicked
  function paint() {
    const { width, height, boxes } = level();
    canvas.replaceChildren(pictures[state.level].content.cloneNode(true));
    const picture = canvas.querySelector("svg");
    for (const [key, value] of Object.entries({ width, height })) picture.setAttribute(key, value);
    picture.setAttribute("aria-hidden", "true");
    const over = drawn("svg", { width, height, viewBox: `0 0 ${width} ${height}`, id: "over" });
    hits = new Map();
    for (const box of boxes) {
      const hit = drawn("rect", {
        x: box.x, y: box.y, width: box.width, height: box.height, rx: box.radius,
        class: canOpen(box) ? "hit opens" : "hit",
        tabindex: 0, role: "button", "aria-label": [box.title, box.description].filter(Boolean).join(". "),
      });
      hit.dataset.box = box.id;
      hits.set(box.id, hit);
      over.append(hit);
    }
    canvas.append(over);
    paintNumbers();
    for (const [i, button] of at("levels").querySelectorAll("button").entries()) {
      button.setAttribute("aria-pressed", String(i === state.level));
    }
    const menu = at("levels").querySelector("select");
    if (menu) menu.value = state.level;
  }
  function paintNumbers() {
    for (const text of canvas.querySelectorAll("svg:not(#over) text")) {
      text.whole ??= text.textContent;
      text.parts ??= [...text.childNodes];
      const changed = state.numbers && text.whole.includes("×") ? numbered(text.whole) : null;
      if (changed === null) text.replaceChildren(...text.parts);
      else text.textContent = changed;
    }
  }
  function numbered(text) {
    try {
      const changed = shapeInNumbers(text, state.sizes);
      return changed === text ? null : changed;
    } catch {
      return null;
    }
  }
  function mark() {
    for (const [id, hit] of hits) hit.classList.toggle("selected", id === state.box);
    for (const old of canvas.querySelectorAll(".link")) old.remove();
    for (const curve of level().curves) {
      if (state.box === null || (curve.source !== state.box && curve.target !== state.box)) continue;
      at("over").prepend(drawn("path", { d: curve.path, class: "link" }));
    }
  }

  // --- the panel
  function row(list, name, ...values) {
    list.append(element("dt", name));
    for (const value of values) {
      const item = element("dd");
      item.append(...[value].flat());
      list.append(item);
    }
  }
  function shapeRow(text) {
    const code = element("code", text);
    let words, failed = false;
    try { words = shapeInNumbers(text, state.sizes); } catch (error) { words = error.message; failed = true; }
    if (words === text) return [code];
    return [code, element(failed ? "small" : "span", failed ? " (" + words + ")" : words, failed ? {} : { class: "number" })];
  }
  function countRow(value) {
    const text = String(value);
    try {
      const number = evaluate(text, state.sizes);
      const words = element("span", grouped(number), { class: "number" });
      return /^\d+$/.test(text) ? [words] : [element("code", text), words];
    } catch (error) {
      return [element("code", text), element("small", " (" + error.message + ")")];
    }
  }
  function details() {
    const box = state.box === null ? null : boxOf(state.box);
    panel.hidden = !box;
    if (!box) return;
    const facts = box.details;
    const list = element("dl");
    panel.replaceChildren(element("h2", box.title));
    const close = element("button", "×", { class: "close", "aria-label": "Close" });
    close.onclick = () => select(null);
    panel.append(close);
    if (box.description) panel.append(element("p", box.description));
    if (facts.summary && facts.summary !== box.description) panel.append(element("p", facts.summary));
    if (canOpen(box)) {
      const button = element("button", "Open: " + data.levels[target(box)].name, { class: "open" });
      button.onclick = () => open(box);
      panel.append(button);
    }
    if (facts.name !== undefined) row(list, "Name", element("code", facts.name));
    if (facts.operator !== undefined) row(list, "Operator", element("code", facts.operator));
    if (facts.formula) row(list, "Formula", element("code", facts.formula));
    const attributes = Object.entries(facts.attributes ?? {});
    if (attributes.length) row(list, "Attributes", ...attributes.map(([k, v]) => element("code", k + ": " + (typeof v === "object" ? JSON.stringify(v) : v))));
    for (const [key, name] of [["inputs", "Inputs"], ["outputs", "Outputs"]]) {
      if (facts[key]?.length) row(list, name, ...facts[key].map(shapeRow));
    }
    if (facts.copies !== undefined) row(list, "Copies", element("span", String(facts.copies)));
    if (facts.parameters !== undefined) row(list, "Parameters", countRow(facts.parameters));
    if (facts.macs !== undefined) row(list, "Multiply-accumulates", countRow(facts.macs));
    if (facts.doc && facts.doc !== box.description) row(list, "About", element("span", facts.doc));
    if (facts.place) row(list, "Written at", element("code", facts.place));
    panel.append(list);
  }

  // --- what a person does
  function select(id, push = true) {
    state.box = id;
    details();
    mark();
    writeAddress(push);
    if (id !== null) show(boxOf(id));
  }
  function go(number, id = null) {
    state.level = number;
    state.box = id;
    paint();
    details();
    mark();
    find();
    fit();
    writeAddress(true);
    if (id !== null) { show(boxOf(id)); hits.get(id).focus({ preventScroll: true }); }
  }
  const isInside = (name) => (one) => String(one.details.name ?? "").startsWith(name + ".");
  function target(box) {
    const { opens, name } = box.details;
    if (opens !== undefined) return data.levels.findIndex((one) => one.name === opens);
    if (!name) return -1;
    return data.levels.findIndex((one, i) => i > state.level && one.boxes.some(isInside(name)));
  }
  const canOpen = (box) => target(box) >= 0 && target(box) !== state.level;
  function open(box) {
    go(target(box));
    const inside = level().boxes.filter(isInside(box.details.name));
    reveal(inside);
    if (inside.length) hits.get(inside[0].id).focus({ preventScroll: true });
  }
  function activate(id) {
    const box = boxOf(id);
    if (canOpen(box)) open(box);
    else select(id);
  }
  function step(id, dx, dy) {
    const from = boxOf(id);
    const middle = (b) => [b.x + b.width / 2, b.y + b.height / 2];
    const [x, y] = middle(from);
    let best = null, least = Infinity;
    for (const box of level().boxes) {
      const [u, v] = middle(box);
      const ahead = (u - x) * dx + (v - y) * dy, aside = Math.abs((u - x) * dy) + Math.abs((v - y) * dx);
      if (box !== from && ahead > 1 && ahead + 2 * aside < least) [best, least] = [box, ahead + 2 * aside];
    }
    if (!best) return;
    hits.get(best.id).focus({ preventScroll: true });
    if (state.box !== null) select(best.id, false);
    else show(best);
  }
  const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  function key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape") { closeFound(); select(null); return; }
    if (event.target.matches("input, select")) return;
    const on = event.target.dataset?.box;
    const actions = {
      "+": () => zoom(1.25), "=": () => zoom(1.25), "-": () => zoom(0.8), "0": () => fit(),
      "/": () => search.focus(),
    };
    if (on !== undefined && (event.key === "Enter" || event.key === " ")) activate(on);
    else if (ARROWS[event.key] && on !== undefined) step(on, ...ARROWS[event.key]);
    else if (ARROWS[event.key] && event.target === document.body) {
      const [dx, dy] = ARROWS[event.key];
      view.x -= 60 * dx; view.y -= 60 * dy; place();
    } else if (actions[event.key]) actions[event.key]();
    else return;
    event.preventDefault();
  }

  const fingers = new Map();
  let moved = false;
  stage.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    if (!fingers.size) moved = false;
    fingers.set(event.pointerId, { x: event.clientX, y: event.clientY, startX: event.clientX, startY: event.clientY });
  });
  addEventListener("pointermove", (event) => {
    const finger = fingers.get(event.pointerId);
    if (!finger) return;
    const other = [...fingers].find(([id]) => id !== event.pointerId)?.[1];
    const { left, top } = stage.getBoundingClientRect();
    if (Math.hypot(event.clientX - finger.startX, event.clientY - finger.startY) > 4 || other) moved = true;
    if (!moved) return;
    stage.classList.add("moving");
    const apart = (x, y) => Math.hypot(x - other.x, y - other.y);
    if (other) {
      const factor = apart(event.clientX, event.clientY) / (apart(finger.x, finger.y) || 1);
      zoom(factor, (event.clientX + other.x) / 2 - left, (event.clientY + other.y) / 2 - top);
    }
    const share = other ? 0.5 : 1;
    view.x += (event.clientX - finger.x) * share;
    view.y += (event.clientY - finger.y) * share;
    Object.assign(finger, { x: event.clientX, y: event.clientY });
    place();
  });
  for (const name of ["pointerup", "pointercancel"]) {
    addEventListener(name, (event) => { fingers.delete(event.pointerId); stage.classList.remove("moving"); });
  }
  stage.addEventListener("wheel", (event) => {
    event.preventDefault();
    const { left, top } = stage.getBoundingClientRect();
    const lines = event.deltaMode === 1 ? 16 : 1;
    zoom(Math.exp(-event.deltaY * lines * (event.ctrlKey ? 0.01 : 0.0015)), event.clientX - left, event.clientY - top);
  }, { passive: false });
  stage.addEventListener("click", (event) => {
    if (moved) return;
    const id = event.target.dataset?.box;
    if (id !== undefined) activate(id);
    else select(null);
  });
  addEventListener("keydown", key);
  addEventListener("resize", () => fit());

  // --- search
  function find() {
    const words = search.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
    const matches = (box) => words.length > 0 && words.every((word) => box.words.includes(word));
    for (const box of level().boxes) hits.get(box.id).classList.toggle("found", matches(box));
    const order = [state.level, ...data.levels.keys()].filter((n, i, all) => all.indexOf(n) === i);
    const all = order.flatMap((n) => data.levels[n].boxes.filter(matches).map((box) => [n, box]));
    found.hidden = !words.length;
    found.replaceChildren();
    if (words.length && !all.length) found.append(element("li", "nothing found"));
    for (const [number, box] of all.slice(0, 40)) {
      const item = element("li"), button = element("button", box.title + " ");
      const where = [box.details.name, number === state.level ? "" : data.levels[number].name];
      button.append(element("small", where.filter(Boolean).join(" · ")));
      button.onclick = () => { closeFound(); number === state.level ? select(box.id) : go(number, box.id); };
      item.append(button);
      found.append(item);
    }
    at("count").textContent = words.length ? all.length + " found" : "";
  }
  function closeFound() { found.hidden = true; }
  search.addEventListener("input", find);
  search.addEventListener("keydown", (event) => {
    if (event.key === "Enter") found.querySelector("button")?.click();
  });

  // --- the bar
  for (const box of data.levels.flatMap((one) => one.boxes)) {
    const { name, operator } = box.details;
    box.words = [box.id, box.title, box.text, box.category, name, operator].join(" ").toLowerCase();
  }
  const change = (i) => go(i, data.levels[i].boxes.some((b) => b.id === state.box) ? state.box : null);
  const MOST_BUTTONS = 4;
  if (data.levels.length > MOST_BUTTONS) {
    const menu = element("select", undefined, { "aria-label": "Level" });
    for (const [i, one] of data.levels.entries()) menu.append(element("option", one.name, { value: i }));
    menu.onchange = () => change(Number(menu.value));
    at("levels").append(menu);
  } else if (data.levels.length > 1) {
    for (const [i, one] of data.levels.entries()) {
      const button = element("button", one.name);
      button.onclick = () => change(i);
      at("levels").append(button);
    }
  }
  function fields() {
    at("sizes").replaceChildren();
    if (!symbols.length) return;
    for (const symbol of symbols) {
      const { minimum, maximum, multiple_of: multiple } = symbol;
      const about = [symbol.doc, minimum > 1 && "at least " + minimum, maximum && "at most " + maximum, multiple > 1 && "a multiple of " + multiple];
      const label = element("label", symbol.name, { title: about.filter(Boolean).join(", ") });
      const field = element("input", undefined, { type: "number", min: 0, max: maximum ?? 999999999999999, step: multiple ?? 1, name: symbol.name, required: "" });
      field.value = state.sizes[symbol.name];
      field.addEventListener("input", () => {
        if (!/^\d{1,15}$/.test(field.value)) return;
        state.sizes[symbol.name] = field.value;
        details(); paintNumbers(); totals(); writeAddress(false);
      });
      label.append(field);
      at("sizes").append(label);
    }
    const label = element("label", "", { title: "Show numbers instead of names in the figure" });
    const box = element("input", undefined, { type: "checkbox", id: "numbers" });
    box.checked = state.numbers;
    box.onchange = () => { state.numbers = box.checked; paintNumbers(); writeAddress(false); };
    label.append(box, "numbers in the figure");
    at("sizes").append(label);
  }
  function totals() {
    at("facts").replaceChildren();
    for (const [name, value] of Object.entries(data.model.facts)) {
      const part = element("span", name + ": ");
      let text = String(value);
      try { text = grouped(evaluate(text, state.sizes)); } catch { /* a fact may be plain words */ }
      part.append(element("b", text), " ");
      at("facts").append(part);
    }
  }
  at("in").onclick = () => zoom(1.25);
  at("out").onclick = () => zoom(0.8);
  at("fit").onclick = () => fit();

  function all() {
    readAddress();
    fields();
    totals();
    paint();
    details();
    mark();
    fit();
  }
  addEventListener("popstate", all);
  addEventListener("hashchange", all);
  all();
}
if (typeof document !== "undefined") start();
if (typeof module !== "undefined") module.exports = { evaluate, splitShape, shapeInNumbers };
