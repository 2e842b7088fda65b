// What all widgets share. Joined in front of each widget's own file (see base.py), so nothing here is exported.
//
//   export default { render({ model, el }) { const w = widget(model, el, "line"); ...; return w.done; } };
//
// `widget` gives a frame with texts, theme and cleaning up; the rest are small tools for drawing and controls.

const CLASS_COLOURS = ["#E69F00", "#56B4E9", "#009E73", "#CC79A7", "#0072B2", "#D55E00", "#F0E442", "#999999"]; // Okabe and Ito
const MARKS = ["circle", "square", "triangle", "diamond", "cross", "star"]; // so that colour is never the only sign

/** The frame of a widget: root element, texts, theme, listeners and loops that end together. */
function widget(model, el, name) {
  const endings = [];
  const redraws = [];
  let over = false;
  const root = node("section", { class: `fofx fofx-${name}`, role: "group" });
  const trouble = node("p", { class: "fofx-trouble", role: "alert", hidden: "" });
  const live = node("p", { class: "fofx-live", "aria-live": "polite" });
  root.append(trouble, live);
  el.append(root);
  const dark = matchMedia("(prefers-color-scheme: dark)");

  const w = {
    model,
    root,
    /** The text called `key`, with {places} filled. */
    say(key, values = {}) {
      const text = model.get("words")[key] ?? key;
      return text.replace(/\{(\w+)(?::[^}]*)?\}/g, (whole, place) => (place in values ? String(values[place]) : whole));
    },
    /** Listen to an event until the widget is gone. */
    on(target, events, listener, options) {
      for (const event of events.split(" ")) {
        target.addEventListener(event, listener, options);
        endings.push(() => target.removeEventListener(event, listener, options));
      }
    },
    /** Listen to traits of the model ("weight bias") or to messages ("msg:custom"). */
    watch(traits, listener) {
      for (const trait of traits.split(" ")) {
        const event = trait.startsWith("msg:") ? trait : `change:${trait}`;
        model.on(event, listener);
        endings.push(() => model.off(event, listener));
      }
    },
    /** Send {do: ..., ...} to Python. */
    tell(message) {
      if (!over) model.send(message);
    },
    /** Set traits and pass them on to Python. */
    set(traits) {
      for (const [key, value] of Object.entries(traits)) model.set(key, value);
      model.save_changes();
    },
    /** Call `draw` now, at every change of size, theme or language, and whenever `w.redraw()` is called: once a frame. */
    drawing(draw) {
      redraws.push(draw);
      w.redraw();
    },
    redraw() {
      if (w.pending || over) return;
      w.pending = requestAnimationFrame(() => {
        w.pending = 0;
        if (!over) redraws.forEach((draw) => draw());
      });
    },
    /** Call `step(milliseconds)` once a frame while `wanted()`; starts by itself when `w.wake()` is called. */
    loop(wanted, step) {
      let running = 0;
      const turn = (now) => {
        running = 0;
        if (over || !wanted()) return;
        step(now);
        running = requestAnimationFrame(turn);
      };
      w.wake = () => {
        if (!running && !over && wanted()) running = requestAnimationFrame(turn);
      };
      endings.push(() => cancelAnimationFrame(running));
      w.wake();
    },
    ending(action) {
      endings.push(action);
    },
    /** Say something to those who hear the page instead of seeing it. */
    announce(text) {
      live.textContent = text;
    },
    get dark() {
      const theme = model.get("theme");
      if (theme !== "auto") return theme === "dark";
      const host = document.documentElement.dataset.theme || document.body.dataset.jpThemeLight;
      if (host) return host === "dark" || host === "false";
      return document.body.classList.contains("body--dark") || document.body.classList.contains("vscode-dark") || dark.matches;
    },
    get ink() {
      return w.dark
        ? { text: "#e8e6e3", soft: "#a5a19b", line: "#55524d", back: "#1c1b1a", panel: "#292725", plus: "#f59322", minus: "#4da6e0", accent: "#8ab4f8" }
        : { text: "#22201d", soft: "#68645e", line: "#c9c5bf", back: "#ffffff", panel: "#f5f3f0", plus: "#d9730d", minus: "#0877bd", accent: "#1a5fb4" };
    },
    done() {
      if (over) return;
      over = true;
      if (w.pending) cancelAnimationFrame(w.pending);
      endings.splice(0).reverse().forEach((end) => end());
      root.remove();
    },
  };
  const dress = () => {
    root.dataset.theme = w.dark ? "dark" : "light";
    root.lang = model.get("lang") === "zh" ? "zh-Hans" : "en";
    w.redraw();
  };
  const complain = () => {
    const problem = model.get("trouble");
    trouble.hidden = !problem;
    trouble.textContent = problem ? `${problem.text} [${problem.code}]` : "";
  };
  // JupyterLab takes the keys of what has the focus for commands of its own (arrows, D D deletes the cell) unless it says no.
  w.on(root, "focusin", (event) => event.target.setAttribute("data-lm-suppress-shortcuts", "true"));
  w.watch("theme words", dress);
  w.watch("trouble", complain);
  w.on(dark, "change", dress);
  const hosts = new MutationObserver(dress);
  hosts.observe(document.body, { attributes: true, attributeFilter: ["class", "data-jp-theme-light"] });
  const sizes = new ResizeObserver(() => w.redraw());
  sizes.observe(root);
  endings.push(() => hosts.disconnect(), () => sizes.disconnect());
  dress();
  complain();
  return w;
}

/** An element with attributes and children; text children are text, never HTML. Functions become listeners. */
function node(tag, attributes = {}, ...children) {
  const svg = ["svg", "g", "path", "line", "circle", "rect", "text", "polyline", "polygon", "title", "defs"].includes(tag);
  const made = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(key.replace(/^on/, ""), value);
    else if (value !== null && value !== undefined && value !== false) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return made;
}

/** A button; its words follow the language. */
function button(w, key, action, more = {}) {
  const made = node("button", { type: "button", class: "fofx-button", ...more });
  const name = () => (made.textContent = w.say(key));
  name();
  w.watch("words", name);
  w.on(made, "click", action);
  return made;
}

/** A labelled slider: {key, trait or get/set, min, max, step, show}. Keyboard works as in every range input. */
function slider(w, { key, min, max, step, get, set, show = (value) => String(value) }) {
  const input = node("input", { type: "range", min, max, step });
  const name = node("span");
  const shown = node("output");
  const label = node("label", { class: "fofx-control" }, name, input, shown);
  label.update = () => {
    name.textContent = w.say(key);
    if (document.activeElement !== input || Number(input.value) !== get()) input.value = get();
    shown.textContent = show(get());
    input.setAttribute("aria-valuetext", show(get()));
  };
  w.on(input, "input", () => {
    set(Number(input.value));
    shown.textContent = show(Number(input.value));
  });
  w.watch("words", label.update);
  label.update();
  return label;
}

/** A labelled choice among [value, key of its text] pairs (a text that is no key is shown as it is). */
function choice(w, { key, options, get, set }) {
  const list = node("select");
  const name = node("span");
  const label = node("label", { class: "fofx-control" }, name, list);
  label.update = () => {
    name.textContent = w.say(key);
    list.replaceChildren(...options.map(([value, text]) => node("option", { value: String(value) }, w.say(text))));
    list.value = String(get());
  };
  w.on(list, "change", () => set(options.find(([value]) => String(value) === list.value)[0]));
  w.watch("words", label.update);
  label.update();
  return label;
}

/** A labelled box to tick. */
function tick(w, { key, get, set }) {
  const box = node("input", { type: "checkbox" });
  const name = node("span");
  const label = node("label", { class: "fofx-control fofx-tick" }, box, name);
  label.update = () => {
    name.textContent = w.say(key);
    box.checked = get();
  };
  w.on(box, "change", () => set(box.checked));
  w.watch("words", label.update);
  label.update();
  return label;
}

/** A canvas that fills its column; `paint(context, width, height)` in CSS pixels, sharp on every screen.
 *  `ratio` is height / width, or a function of the width. */
function canvas(w, label, paint, ratio = 0.6) {
  const made = node("canvas", { class: "fofx-canvas", role: "img", tabindex: "0" });
  w.drawing(() => {
    const width = Math.max(made.clientWidth, 1);
    const height = Math.round(typeof ratio === "function" ? ratio(width) : width * ratio);
    const dots = Math.min(window.devicePixelRatio || 1, 3);
    if (made.width !== Math.round(width * dots) || made.height !== Math.round(height * dots)) {
      made.width = Math.round(width * dots);
      made.height = Math.round(height * dots);
      made.style.height = `${height}px`;
    }
    made.setAttribute("aria-label", typeof label === "function" ? label() : w.say(label));
    const context = made.getContext("2d");
    context.setTransform(dots, 0, 0, dots, 0, 0);
    context.clearRect(0, 0, width, height);
    context.font = '12px system-ui, -apple-system, "Noto Sans CJK SC", "PingFang SC", "Microsoft YaHei", sans-serif';
    paint(context, width, height);
  });
  return made;
}

/** A linear scale from data to pixels and back. */
function scale([low, high], [from, to]) {
  const reach = high - low || 1;
  const place = (value) => from + ((value - low) / reach) * (to - from);
  place.back = (pixel) => low + ((pixel - from) / (to - from || 1)) * reach;
  place.domain = [low, high];
  return place;
}

/** About `count` round numbers within [low, high]. */
function ticks(low, high, count = 5) {
  const rough = (high - low) / Math.max(1, count);
  if (!(rough > 0) || !Number.isFinite(rough)) return [low];
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((part) => part * power).find((part) => part >= rough * 0.999);
  const found = [];
  for (let value = Math.ceil(low / step - 1e-9) * step; value <= high + step * 1e-9; value += step) found.push(Math.abs(value) < step * 1e-9 ? 0 : value);
  return found;
}

/** Axes with ticks and names on a canvas. */
function axes(context, w, x, y, names = ["", ""]) {
  const ink = w.ink;
  const [left, right] = [x(x.domain[0]), x(x.domain[1])];
  const [bottom, top] = [y(y.domain[0]), y(y.domain[1])];
  context.save();
  context.strokeStyle = ink.line;
  context.fillStyle = ink.soft;
  context.lineWidth = 1;
  context.beginPath();
  context.moveTo(left, top);
  context.lineTo(left, bottom);
  context.lineTo(right, bottom);
  context.stroke();
  context.textAlign = "center";
  context.textBaseline = "top";
  for (const value of ticks(...x.domain, Math.max(2, (right - left) / 70))) context.fillText(brief(value), x(value), bottom + 4);
  context.fillText(names[0], (left + right) / 2, bottom + 19);
  context.textAlign = "right";
  context.textBaseline = "middle";
  for (const value of ticks(...y.domain, Math.max(2, (bottom - top) / 45))) context.fillText(brief(value), left - 5, y(value));
  context.textAlign = "left";
  context.textBaseline = "bottom";
  context.fillText(names[1], Math.max(2, left - 30), top - 4);
  context.restore();
}

/** A number in few characters. */
function brief(value, digits = 3) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  const size = Math.abs(value);
  if (size !== 0 && (size >= 1e5 || size < 1e-3)) return value.toExponential(1).replace("e+", "e");
  return String(Number(value.toPrecision(digits)));
}

/** Orange for above zero, blue for below, the background at zero; `value` in -1..1. Gives [r, g, b]. */
function diverging(value, dark) {
  const end = value > 0 ? [0xf5, 0x93, 0x22] : [0x08, 0x77, 0xbd];
  const middle = dark ? [0x1c, 0x1b, 0x1a] : [0xf6, 0xf5, 0xf3];
  const part = Math.min(1, Math.abs(value));
  return middle.map((channel, number) => Math.round(channel + (end[number] - channel) * part));
}

/** One of the class colours. */
function classColour(number) {
  return CLASS_COLOURS[((number % CLASS_COLOURS.length) + CLASS_COLOURS.length) % CLASS_COLOURS.length];
}

/** A point whose form, not only its colour, tells its class. */
function mark(context, form, x, y, size) {
  const kind = MARKS[((form % MARKS.length) + MARKS.length) % MARKS.length];
  context.beginPath();
  if (kind === "circle") context.arc(x, y, size, 0, 2 * Math.PI);
  else if (kind === "square") context.rect(x - size * 0.9, y - size * 0.9, size * 1.8, size * 1.8);
  else {
    const corners = { triangle: [3, 1.25], diamond: [4, 1.25], cross: [8, 1.2], star: [10, 1.35] }[kind];
    for (let corner = 0; corner < corners[0]; corner++) {
      const inner = corners[0] > 4 && corner % 2 ? 0.45 : 1;
      const angle = -Math.PI / 2 + (corner * 2 * Math.PI) / corners[0];
      context.lineTo(x + Math.cos(angle) * size * corners[1] * inner, y + Math.sin(angle) * size * corners[1] * inner);
    }
    context.closePath();
  }
  context.fill();
  context.stroke();
}

/** A pointer's place on an element in CSS pixels. */
function place(event, element) {
  const box = element.getBoundingClientRect();
  return [event.clientX - box.left, event.clientY - box.top];
}

/** Follow a pointer over an element: `tell([x, y])`, and `tell(null)` when it leaves; everything is drawn again. */
function hovering(w, element, tell) {
  const follow = (spot) => {
    tell(spot);
    w.redraw();
  };
  w.on(element, "pointermove pointerdown", (event) => follow(place(event, element)));
  w.on(element, "pointerleave", () => follow(null));
}

/** Drag with mouse, pen or finger: `begin(x, y)` says whether the drag is wanted, `move(x, y)` follows, `end()` closes. */
function drag(w, element, { begin, move, end = () => {} }) {
  let held = null;
  element.style.touchAction = "none";
  w.on(element, "pointerdown", (event) => {
    if (begin(...place(event, element), event) === false) return;
    held = event.pointerId;
    element.setPointerCapture(held);
  });
  w.on(element, "pointermove", (event) => {
    if (event.pointerId === held) move(...place(event, element), event);
  });
  w.on(element, "pointerup pointercancel", (event) => {
    if (event.pointerId !== held) return;
    held = null;
    end();
  });
}

/** Float32 numbers of a binary message or trait. */
function floats(view) {
  const bytes = view instanceof ArrayBuffer ? new Uint8Array(view) : new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  return bytes.byteOffset % 4 === 0 ? new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength >> 2) : new Float32Array(bytes.slice().buffer);
}

/** A picture of (side, side) numbers as an offscreen canvas, coloured by `colour(value)` -> [r, g, b]. */
function picture(values, width, height, colour) {
  const made = document.createElement("canvas");
  made.width = width;
  made.height = height;
  const context = made.getContext("2d");
  const image = context.createImageData(width, height);
  for (let at = 0; at < width * height; at++) {
    const [red, green, blue] = colour(values[at]);
    image.data.set([red, green, blue, 255], at * 4);
  }
  context.putImageData(image, 0, 0);
  return made;
}

/** A table of texts: head row and body rows; cells are text or elements. */
function grid(head, rows, caption) {
  return node(
    "table",
    { class: "fofx-table" },
    caption ? node("caption", {}, caption) : null,
    node("thead", {}, node("tr", {}, head.map((cell) => node("th", { scope: "col" }, cell)))),
    node("tbody", {}, rows.map((row) => node("tr", {}, row.map((cell) => node("td", {}, cell))))),
  );
}
