// What the widgets of the course's worked examples share (see study.py); joined in front of each of them.
//
//   const s = study(w);  s.view() is what Python computed;  s.act({do: "step"}) asks for something

function study(w) {
  let gesture = Date.now(); // messages of one gesture are undone together
  let serial = 0;
  let waiting = null; // the newest message while an older one is on its way: a drag never queues up
  w.on(w.root, "pointerdown", () => gesture++, true);
  w.on(w.root, "keydown", (event) => event.repeat || gesture++, true);
  w.watch("heard", () => {
    if (waiting && w.model.get("heard") >= serial) {
      const next = waiting;
      waiting = null;
      s.act(next);
    }
  });

  const shown = [];
  w.watch("view words theme", () => s.refresh());
  const s = {
    view: () => w.model.get("view"),
    get state() {
      return w.model.get("view").state;
    },
    /** Ask Python for something. */
    act(message) {
      waiting = null;
      w.tell({ ...message, gesture, serial: ++serial });
    },
    /** The same for drags: only the newest place matters, so at most one message is on its way. */
    follow(message) {
      if (w.model.get("heard") >= serial) s.act(message);
      else waiting = message;
    },
    set: (values) => s.act({ do: "set", values }),
    slide: (values) => s.follow({ do: "set", values }),
    /** Wait for Python before the next of a row of steps. */
    get idle() {
      return w.model.get("heard") >= serial;
    },
    /** Call `update` now, and whenever Python has new numbers or the language changes. */
    shows(update) {
      shown.push(update);
      update();
    },
    /** Show everything again: for what the page itself remembers, such as the chosen tool. */
    refresh() {
      shown.forEach((update) => update());
      w.redraw();
    },
  };

  let dark = w.dark; // canvases draw themselves again when it grows dark; marks in texts are drawn here
  w.drawing(() => {
    if (dark === w.dark) return;
    dark = w.dark;
    s.refresh();
  });
  w.on(w.root, "keydown", (event) => {
    if (!(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== "z" || /^(text|number)/.test(event.target.type ?? "")) return;
    event.preventDefault();
    s.act({ do: event.shiftKey ? "redo" : "undo" });
  });
  return s;
}

/** Text that follows the language: `words(w, "p", "line.about")`, or a function that gives the text. */
function words(w, tag, key, attributes = {}) {
  const made = node(tag, attributes);
  const fill = () => (made.textContent = typeof key === "function" ? key() : w.say(key));
  w.watch("words view", fill);
  fill();
  return made;
}

/** Title, one sentence, and undo, redo, reset. */
function heading(w, s, title, about) {
  const undo = button(w, "study.undo", () => s.act({ do: "undo" }), { class: "fofx-button study-quiet" });
  const redo = button(w, "study.redo", () => s.act({ do: "redo" }), { class: "fofx-button study-quiet" });
  const reset = button(w, "kit.reset", () => s.act({ do: "reset" }), { class: "fofx-button study-quiet" });
  s.shows(() => {
    undo.disabled = !s.view().history.undo;
    redo.disabled = !s.view().history.redo;
  });
  const tools = node("div", { class: "study-tools" }, undo, redo, reset);
  return node("header", { class: "study-head" }, node("div", {}, words(w, "h3", title), words(w, "p", about, { class: "fofx-soft" })), tools);
}

/** A choice as a row of buttons, one pressed. `options()` gives [value, text or key] pairs. */
function segments(w, s, { key, options, get, set }) {
  const bar = node("div", { class: "study-segments", role: "group" });
  const name = key ? node("span", { class: "study-name" }) : null;
  s.shows(() => {
    if (name) name.textContent = w.say(key);
    bar.setAttribute("aria-label", key ? w.say(key) : "");
    const wanted = typeof options === "function" ? options() : options;
    while (bar.children.length > wanted.length) bar.lastChild.remove();
    wanted.forEach(([value, text], at) => {
      let item = bar.children[at];
      if (!item) bar.append((item = node("button", { type: "button", click: () => set(item.value_) })));
      item.value_ = value;
      item.textContent = w.say(text);
      item.setAttribute("aria-pressed", String(get() === value));
    });
  });
  return node("div", { class: "study-choice" }, name, bar);
}

/** A labelled field for a number; takes effect when it is left or Enter is pressed. */
function numeral(w, s, { key, get, set, step = "any", digits = 6, width = 84 }) {
  const field = node("input", { type: "number", step, style: `width:${width}px` });
  const name = node("span");
  const update = () => {
    name.textContent = w.say(key);
    if (document.activeElement !== field || Number(field.value) !== get()) field.value = get() === null ? "" : Number(get().toPrecision(digits));
  };
  w.on(field, "change", () => (field.value.trim() === "" || !Number.isFinite(Number(field.value)) ? update() : set(Number(field.value))));
  s.shows(update);
  return node("label", { class: "fofx-control" }, name, field);
}

/** A slider that follows the view; the value may run on a scale of its own (`to` and `from` slider places). */
function dial(w, s, { key, min, max, step, get, set, show = (value) => String(value), to = (v) => v, from = (v) => v, wide = false }) {
  const end = (limit) => (typeof limit === "function" ? limit() : limit);
  const made = slider(w, { key, min: end(min), max: end(max), step, get: () => to(get()), set: (place) => set(from(place)), show: (place) => show(from(place)) });
  if (wide) made.classList.add("study-wide");
  const input = made.querySelector("input");
  const limit = () => {
    input.min = end(min);
    input.max = end(max);
  };
  const update = () => {
    if (document.activeElement === input && !s.idle) return; // an older answer must not pull the thumb back
    limit();
    made.update();
  };
  w.watch("heard", update);
  s.shows(update);
  return made;
}

/** Guess first, then see. `kind` is "number" or a function giving [value, text] pairs; `reply(answer)` says how it was. */
function guessing(w, s, { question, kind = "number", reply }) {
  const card = node("section", { class: "study-guess", role: "group" });
  let shown = "";
  s.shows(() => {
    card.hidden = !w.model.get("ask");
    const { guess } = s.state;
    const answer = s.view().answer;
    const now = JSON.stringify([guess, answer, w.model.get("lang"), typeof kind === "function" ? kind() : 0]);
    if (now === shown) return; // so that what is being typed stays
    shown = now;
    const ask = node("p", {}, node("strong", {}, w.say("study.guess")), " ", typeof question === "function" ? question() : w.say(question));
    card.setAttribute("aria-label", w.say("study.guess"));
    if (guess === null) {
      const skip = node("button", { type: "button", class: "fofx-button study-quiet", click: () => s.set({ guess: "skip" }) }, w.say("study.skip"));
      if (kind === "number") {
        const field = node("input", { type: "number", step: "any", "aria-label": w.say("study.your-guess") });
        const take = () => field.value.trim() !== "" && s.set({ guess: Number(field.value) });
        field.addEventListener("keydown", (event) => event.key === "Enter" && take());
        card.replaceChildren(ask, node("div", { class: "study-line" }, field, node("button", { type: "button", class: "fofx-button fofx-main", click: take }, w.say("study.see")), skip));
      } else {
        const choices = kind().map(([value, text]) => node("button", { type: "button", class: "fofx-button", click: () => s.set({ guess: value }) }, text));
        card.replaceChildren(ask, node("div", { class: "study-line" }, choices, skip));
      }
    } else {
      const again = node("button", { type: "button", class: "fofx-button study-quiet", click: () => s.set({ guess: null }) }, w.say("study.again"));
      const told = reply(answer, guess === "skip" ? null : guess);
      card.replaceChildren(ask, node("div", { class: "study-line" }, node("p", { class: "study-told" }, told), again));
      w.announce(told);
    }
  });
  return card;
}

/** A folded part of the page. */
function folded(w, key, ...children) {
  return node("details", { class: "study-fold" }, words(w, "summary", key), ...children);
}

/** A box for own data: typed or pasted text goes to Python as {do: "paste", text}. */
function pasting(w, s, { help, text, rows = 7 }) {
  const field = node("textarea", { rows, spellcheck: "false", class: "study-paste" });
  let given = null;
  s.shows(() => {
    field.setAttribute("aria-label", w.say("study.own"));
    const now = text();
    if (now !== given) field.value = given = now;
  });
  const use = button(w, "study.use", () => s.act({ do: "paste", text: field.value }), { class: "fofx-button fofx-main" });
  const course = button(w, "study.course", () => s.act({ do: "course" }));
  return folded(w, "study.own", words(w, "p", help, { class: "fofx-soft" }), field, node("div", { class: "study-line" }, use, course));
}

/** Columns by name as text, a row a line: what `pasting` reads again. */
function tableText(table) {
  const names = Object.keys(table);
  if (!names.length) return "";
  const cell = (value) => (/[,;"\t]/.test(value) ? `"${String(value).replaceAll('"', '""')}"` : value);
  const rows = table[names[0]].map((_, row) => names.map((name) => table[name][row]));
  return [names, ...rows].map((row) => row.map(cell).join(", ")).join("\n");
}

/** A play button: while it is pressed, `step()` is asked for at most every `pause()` milliseconds, until `over()`. */
function playing(w, s, { step, over, pause = () => 250 }) {
  let on = false;
  let last = 0;
  const play = node("button", { type: "button", class: "fofx-button fofx-main" });
  const show = () => {
    play.textContent = w.say(on ? "kit.pause" : "kit.play");
    play.setAttribute("aria-pressed", String(on));
    play.disabled = !on && over();
  };
  const turn = (wanted) => {
    on = wanted && !over();
    show();
    if (on) w.wake();
  };
  w.on(play, "click", () => turn(!on));
  s.shows(() => {
    if (on && over()) on = false;
    show();
  });
  w.loop(
    () => on,
    (now) => {
      if (!s.idle || now - last < pause()) return;
      last = now;
      step();
    },
  );
  play.stop = () => turn(false);
  return play;
}

/** A colour between two, as [r, g, b]; colours are "#rrggbb". */
function between(from, to, part) {
  const channels = (colour) => [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
  const [a, b] = [channels(from), channels(to)];
  return a.map((value, at) => Math.round(value + (b[at] - value) * Math.min(1, Math.max(0, part))));
}

/** The same colour, see-through. */
function glass(colour, alpha) {
  const [red, green, blue] = between(colour, colour, 0);
  return `rgba(${red}, ${green}, ${blue}, ${alpha})`;
}

/** A number with a real minus sign and a fixed number of decimals, zeros at the end left out unless `fixed`. */
function figure(value, digits = 2, fixed = false) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (size >= 1e6 || (size > 0 && size < 0.5 * 10 ** -digits)) return value.toExponential(1).replace("e+", "e").replaceAll("-", "−");
  const text = value.toFixed(digits);
  return (fixed ? text : String(Number(text))).replace("-", "−");
}

/** A pointer's place to four digits: nobody points more exactly. */
function tidy(value) {
  return Number(value.toPrecision(4));
}

/** A fraction written with a bar, for formulas. */
function fraction(above, below) {
  return node("span", { class: "study-fraction" }, node("span", {}, above), node("span", {}, below));
}

/** The lines between two grid points where a grid of numbers (rows from the top, `across` wide) crosses `level`, as
 *  [x1, y1, x2, y2] in grid units: marching squares. */
function contour(values, across, down, level) {
  const found = [];
  const cut = (a, b) => (level - a) / (b - a);
  for (let row = 0; row + 1 < down; row++)
    for (let column = 0; column + 1 < across; column++) {
      const at = row * across + column;
      const [a, b, c, d] = [values[at], values[at + 1], values[at + across + 1], values[at + across]];
      const ends = [];
      if (a > level !== b > level) ends.push([column + cut(a, b), row]);
      if (b > level !== c > level) ends.push([column + 1, row + cut(b, c)]);
      if (d > level !== c > level) ends.push([column + cut(d, c), row + 1]);
      if (a > level !== d > level) ends.push([column, row + cut(a, d)]);
      for (let pair = 0; pair + 1 < ends.length; pair += 2) found.push([...ends[pair], ...ends[pair + 1]]);
    }
  return found;
}

/** Where a line is taken hold of: a disc with the letter of what it changes. */
function handle(context, w, letter, x, y) {
  context.fillStyle = w.ink.accent;
  context.strokeStyle = w.ink.back;
  context.lineWidth = 2;
  context.beginPath();
  context.arc(x, y, 11, 0, 2 * Math.PI);
  context.fill();
  context.stroke();
  context.fillStyle = w.ink.back;
  context.font = "italic 600 13px Georgia, serif";
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillText(letter, x, y + 0.5);
}

/** A small mark of a class, by form and colour, for texts and tables. */
function sign(w, number, colour = classColour(number), ring = false) {
  const made = node("canvas", { width: 32, height: 32, class: "study-sign", "aria-hidden": "true" });
  const context = made.getContext("2d");
  context.scale(2, 2);
  context.fillStyle = colour;
  context.strokeStyle = ring ? w.ink.accent : w.ink.text;
  context.lineWidth = ring ? 3 : 0.8;
  mark(context, number, 8, 8, 5);
  return made;
}
