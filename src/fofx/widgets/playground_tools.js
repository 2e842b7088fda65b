// What the parts of the playground share: labelled controls that follow state and language, icons, colours of heat maps.
// `p` is the playground of this page (playground.js): p.w the kit's frame, p.state() what the controls show, p.change(fields).

// Texts of values: "activation" and "relu" give "playground.activation-relu".
const VALUE_TEXTS = [
  ...["playground.activation-tanh", "playground.activation-relu", "playground.activation-leaky", "playground.activation-gelu"],
  ...["playground.activation-sigmoid", "playground.activation-linear", "playground.activation-softmax", "playground.activation-auto"],
  ...["playground.regularisation-none", "playground.regularisation-l1", "playground.regularisation-l2"],
  ...["playground.problem-classification", "playground.problem-regression"],
  ...["playground.data-circle", "playground.data-xor", "playground.data-gauss", "playground.data-spiral"],
  ...["playground.data-plane", "playground.data-multi-gauss", "playground.data-own"],
  ...["playground.optimizer-sgd", "playground.optimizer-momentum", "playground.optimizer-adam"],
  ...["playground.schedule-constant", "playground.schedule-cosine", "playground.schedule-step"],
  ...["playground.init-playground", "playground.init-xavier", "playground.init-he", "playground.init-normal", "playground.init-zeros"],
  ...["playground.loss-auto", "playground.loss-squared", "playground.loss-absolute", "playground.loss-cross-entropy"],
  ...["playground.step-epoch", "playground.step-batch", "playground.step-sample"],
];

// Names of the controls: of a difference, of what a sweep changes, of what a teacher hides.
const CONTROL_TEXTS = {
  ...{ data: "playground.data", problem: "playground.problem", classes: "playground.classes", features: "playground.features" },
  ...{ layers: "playground.hidden-layers", activations: "playground.activation", output: "playground.output-activation" },
  ...{ loss: "playground.loss", rate: "playground.rate", regularisation: "playground.regularisation", penalty: "playground.penalty" },
  ...{ optimizer: "playground.optimizer", schedule: "playground.schedule", horizon: "playground.horizon", dropout: "playground.dropout" },
  ...{ init: "playground.init", batch: "playground.batch", count: "playground.count", noise: "playground.noise" },
  ...{ train_share: "playground.train-share", seed: "playground.seed", data_seed: "playground.data-seed" },
  ...{ show_penalty: "playground.show-penalty", show_test: "playground.show-test", discretize: "playground.discretize" },
  ...{ reset: "kit.reset", play: "kit.play", step: "kit.step", back: "kit.back", sample: "playground.more-example" },
  ...{ code: "playground.more-code", rivals: "playground.more-rivals", sweep: "playground.more-sweep" },
  ...{ landscape: "playground.more-landscape", mistakes: "playground.show-mistakes", stop: "playground.stop", own: "playground.more-own" },
  ...{ weights: "playground.weights", chart: "playground.chart", hide: "playground.hide" },
  ...{ stop_loss: "playground.stop-loss", stop_epochs: "playground.stop-epochs", stop_patience: "playground.stop-patience" },
};

const ICONS = {
  reset: "M12 5a7 7 0 1 1-6.6 4.7M12 5 8.6 2.2M12 5 8.6 8",
  play: "M8 5.2v13.6L19 12z",
  pause: "M8.2 5.5v13M15.8 5.5v13",
  step: "M6 5.5v13L15 12zM18 5.5v13",
  back: "M18 5.5v13L9 12zM6 5.5v13",
  close: "M6.5 6.5l11 11M17.5 6.5l-11 11",
  again: "M5 12a7 7 0 0 1 12-4.9L19 9M19 4.5V9h-4.5M19 12a7 7 0 0 1-12 4.9L5 15M5 19.5V15h4.5",
};

/** A small picture drawn by one path. */
function icon(name) {
  return node("svg", { viewBox: "0 0 24 24", class: `pg-icon pg-icon-${name}`, "aria-hidden": "true" }, node("path", { d: ICONS[name] }));
}

/** A button that shows an icon and is named by the text `key`. */
function iconButton(p, name, key, action, more = {}) {
  const made = node("button", { type: "button", class: "pg-icon-button", ...more }, icon(name));
  p.label(() => {
    made.title = p.say(made.dataset.key || key);
    made.setAttribute("aria-label", made.title);
  });
  p.w.on(made, "click", action);
  return made;
}

/** A button with words. */
function wordButton(p, key, action, more = {}) {
  const made = node("button", { type: "button", class: "fofx-button", ...more });
  p.label(() => (made.textContent = p.say(key)));
  p.w.on(made, "click", action);
  return made;
}

/** A line of text that follows the language; `values` may be a function. */
function words(p, tag, key, more = {}, values = () => ({})) {
  const made = node(tag, more);
  p.label(() => (made.textContent = p.say(key, values())));
  return made;
}

/** A control with its name above it. `control` is what a teacher hides it by. */
function field(p, key, control, made) {
  const name = node("span", { class: "pg-name" });
  p.label(() => (name.textContent = p.say(key)));
  const label = node("label", { class: "pg-field", "data-control": control }, name, made);
  return label;
}

/** Follow the state by `show`, but for half a second after `hold()` not: what was just set is not set back by an older state. */
function patient(p, show) {
  let waiting = 0;
  p.follow(() => waiting || show());
  p.w.ending(() => clearTimeout(waiting));
  return () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      waiting = 0;
      show();
    }, 500);
  };
}

/** A list to choose from: `options()` gives [value, text] pairs; `free` adds an entry that asks for a number of one's own. */
function select(p, key, control, { options, get, set }) {
  const list = node("select");
  const made = field(p, key, control, list);
  const update = () => {
    const now = get();
    const all = options();
    if (!all.some(([value]) => value === now)) all.push([now, String(now)]);
    const mark = JSON.stringify(all);
    if (list.dataset.mark !== mark) {
      list.dataset.mark = mark;
      list.replaceChildren(...all.map(([value, text]) => node("option", { value: JSON.stringify(value) }, text)));
    }
    if (list.value !== JSON.stringify(now)) list.value = JSON.stringify(now);
  };
  const hold = patient(p, update);
  p.w.on(list, "change", () => {
    hold();
    set(JSON.parse(list.value));
  });
  p.label(update);
  return made;
}

/** A number that may be typed, with a list of usual values to pick from. */
function number(p, key, control, { values = [], get, set, low, high, step = "any" }) {
  const list = values.length ? node("datalist", { id: p.id() }) : null;
  if (list) list.append(...values.map((value) => node("option", { value: String(value) })));
  const input = node("input", { type: "number", inputmode: "decimal", min: low, max: high, step, list: list ? list.id : null });
  const made = field(p, key, control, node("span", { class: "pg-number" }, input, list));
  const hold = patient(p, () => {
    if (input.value === "" || Number(input.value) !== get()) input.value = String(get());
  });
  p.w.on(input, "change", () => {
    const value = Number(input.value);
    hold();
    if (input.value.trim() !== "" && Number.isFinite(value)) set(Math.max(low ?? -Infinity, Math.min(high ?? Infinity, value)));
  });
  return made;
}

/** A slider with its name and value in one line above it. Python hears of it when it rests, at most every 80 ms. */
function range(p, key, control, { low, high, step, get, set, show = String }) {
  const input = node("input", { type: "range", min: low, max: high, step });
  const name = node("span");
  const value = node("output");
  const made = node("label", { class: "pg-field pg-range", "data-control": control }, node("span", { class: "pg-name" }, name, value), input);
  let waiting = 0;
  const tell = () => {
    waiting = 0;
    set(Number(input.value));
  };
  const shown = (number) => {
    value.textContent = show(number);
    input.setAttribute("aria-valuetext", show(number));
    input.style.setProperty("--part", String((number - low) / (high - low || 1)));
  };
  const hold = patient(p, () => {
    input.value = String(get());
    shown(get());
  });
  p.w.on(input, "input", () => {
    shown(Number(input.value));
    hold();
    waiting ||= setTimeout(tell, 80);
  });
  p.w.ending(() => clearTimeout(waiting));
  p.label(() => (name.textContent = p.say(key)));
  return made;
}

/** A box to tick. */
function box(p, key, control, { get, set }) {
  const input = node("input", { type: "checkbox" });
  const name = words(p, "span", key);
  const hold = patient(p, () => (input.checked = Boolean(get())));
  p.w.on(input, "change", () => {
    hold();
    set(input.checked);
  });
  return node("label", { class: "pg-tick", "data-control": control }, input, name);
}

/** Several values of which one holds, as a row of buttons that works like radio buttons. */
function segments(p, key, control, { options, get, set }) {
  const row = node("span", { class: "pg-segments", role: "radiogroup" });
  const made = node("span", { class: "pg-field", "data-control": control }, words(p, "span", key, { class: "pg-name" }), row);
  const update = () => {
    row.setAttribute("aria-label", p.say(key));
    const all = options();
    const held = row.contains(document.activeElement);
    row.replaceChildren(
      ...all.map(([value, text], number) => {
        const on = value === get();
        const one = node("button", { type: "button", role: "radio", "aria-checked": String(on), tabindex: on ? 0 : -1 }, text);
        one.onclick = () => set(value);
        one.onkeydown = (event) => {
          const way = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
          if (!way) return;
          event.preventDefault();
          set(all[(number + way + all.length) % all.length][0]);
        };
        return one;
      }),
    );
    if (held) row.querySelector('[aria-checked="true"]')?.focus();
  };
  p.label(update);
  p.follow(update);
  return made;
}

/** 256 colours as the pixels of an ImageData (little-endian): 0 blue, 128 the background, 255 orange. */
function heatColours(dark, steps = 256) {
  const table = new Uint32Array(256);
  for (let at = 0; at < 256; at++) {
    let value = (at - 127.5) / 127.5;
    if (steps === 2) value = value > 0 ? 0.8 : -0.8;
    const [red, green, blue] = diverging(value, dark);
    table[at] = (255 << 24) | (blue << 16) | (green << 8) | red;
  }
  return table;
}

/** Pixels of a map of classes: the class's colour, paler where the network is less sure. */
function classPixels(pixels, winners, certainty, dark, discrete) {
  const back = dark ? [0x1c, 0x1b, 0x1a] : [0xf6, 0xf5, 0xf3];
  for (let at = 0; at < pixels.length; at++) {
    const [red, green, blue] = classRgb(winners[at]);
    const part = discrete ? 0.75 : 0.12 + 0.7 * (certainty[at] / 255);
    pixels[at] =
      (255 << 24) |
      (Math.round(back[2] + (blue - back[2]) * part) << 16) |
      (Math.round(back[1] + (green - back[1]) * part) << 8) |
      Math.round(back[0] + (red - back[0]) * part);
  }
}

function classRgb(number) {
  const hex = parseInt(classColour(number).slice(1), 16);
  return [hex >> 16, (hex >> 8) & 255, hex & 255];
}

/** A canvas of side x side dots that shows a heat map of bytes; its CSS size is free. */
function heatTile(side) {
  const made = node("canvas", { class: "pg-heat", width: side, height: side, "aria-hidden": "true" });
  const context = made.getContext("2d");
  const image = context.createImageData(side, side);
  const pixels = new Uint32Array(image.data.buffer);
  return {
    canvas: made,
    pixels,
    side,
    paint(bytes, colours) {
      for (let at = 0; at < pixels.length; at++) pixels[at] = colours[bytes[at]];
      context.putImageData(image, 0, 0);
    },
    flush() {
      context.putImageData(image, 0, 0);
    },
  };
}

const INKS = new Map(); // colours as CSS text, in 128 steps

/** The colour of a point or a weight, `value` in -1..1, strong enough to be seen on the background. */
function inkOf(dark, value, weakest = 0.25) {
  const part = weakest + (1 - weakest) * Math.min(1, Math.abs(value));
  const step = Math.round((value < 0 ? -part : part) * 64) + (dark ? 1000 : 0);
  if (!INKS.has(step)) INKS.set(step, `rgb(${diverging((step - (dark ? 1000 : 0)) / 64, dark).join()})`);
  return INKS.get(step);
}

/** A formula in the way it is written by hand: x*x as x², x*y as xy, sin(x) as sin x. */
function written(formula) {
  return formula
    .replace(/\s+/g, "")
    .replace(/\b([xy])\*\1\b/g, "$1²")
    .replace(/\b([xy])\*\*2/g, "$1²")
    .replace(/\b([xy])\*\*3/g, "$1³")
    .replace(/^x\*y$/, "xy")
    .replace(/^(sin|cos|tanh|abs|exp)\(([xy])\)$/, "$1 $2")
    .replace(/\*/g, "·");
}
