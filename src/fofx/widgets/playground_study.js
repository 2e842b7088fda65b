// The folded panels that show something: one example by hand, rivals, two networks, a sweep, the loss landscape.

/** A button that asks Python for something that takes a while, and a line that says how far it is. */
function asking(p, key, message) {
  const { w } = p;
  const note = node("span", { class: "fofx-soft", role: "status" });
  const stop = wordButton(p, "playground.stop-now", () => w.tell({ do: "cancel" }), { hidden: "" });
  const start = wordButton(p, key, () => {
    busy(p.say("playground.working"));
    w.tell(message());
  }, { class: "fofx-button fofx-main" });
  const busy = (text) => {
    note.textContent = text;
    start.disabled = Boolean(text);
    stop.hidden = !text;
  };
  w.watch("trouble", () => w.model.get("trouble") && busy(""));
  return { row: rowOf(start, stop, note), busy, note };
}

function examplePanel(p) {
  const { w } = p;
  const gradients = tick(w, { key: "playground.show-gradients", get: () => p.showGradients, set: (on) => showGradients(on) });
  const showGradients = (on) => {
    p.showGradients = on;
    gradients.update();
    w.tell({ do: "gradients", on });
  };
  const said = node("div");
  let example = null;
  p.listeners.example = (message) => {
    example = message;
    show();
    w.redraw();
  };
  const show = () => {
    if (!example) return;
    const { moves } = example;
    said.replaceChildren(
      node(
        "p",
        {},
        p.say(example.target_class === null ? "playground.example-said" : "playground.example-said-class", {
          ...{ x: brief(example.x), y: brief(example.y), output: brief(example.output), loss: brief(example.loss) },
          target: example.target_class === null ? brief(example.target) : p.className(example.target_class),
        }),
      ),
      grid(
        [p.say("playground.example-weight"), p.say("playground.example-before"), p.say("playground.example-gradient"), p.say("playground.example-after")],
        moves.map((move) => [moveName(move), brief(move.before, 4), brief(move.gradient, 4), brief(move.after, 4)]),
        p.say("playground.example-moves", { count: moves.length }),
      ),
    );
  };
  const unitName = (layer, unit) => p.unitName(p.lane(), layer, layer === 0 ? w.model.get("features").indexOf(p.state().features[unit]) : unit);
  const moveName = ({ layer, unit, source }) =>
    source === null
      ? p.say("playground.bias-name", { name: unitName(layer + 1, unit) })
      : p.say("playground.weight-name", { from: unitName(layer, source), to: unitName(layer + 1, unit) });
  p.label(show);
  let open = false;
  p.overlays.push((context, lane, x, y) => {
    if (!open || !example || lane !== example.lane) return;
    context.strokeStyle = w.ink.text;
    context.lineWidth = 2;
    context.beginPath();
    context.arc(x(example.x), y(example.y), 9, 0, 2 * Math.PI);
    context.stroke();
  });
  const element = block(
    p,
    "playground.example",
    words(p, "p", "playground.example-how", { class: "fofx-soft" }),
    rowOf(wordButton(p, "playground.example-next", () => w.tell({ do: "example", lane: p.lane() }), { class: "fofx-button fofx-main" }), gradients),
    said,
  );
  return {
    element,
    open: () => (open = true),
    close() {
      open = false;
      if (p.showGradients) showGradients(false);
    },
  };
}

function rivalsPanel(p) {
  const { w } = p;
  const cards = node("div", { class: "pg-cards" });
  const ask = asking(p, "playground.rivals-compare", () => ({ do: "rivals", lane: p.lane() }));
  let found = null;
  const mistakes = tick(w, {
    key: "playground.show-mistakes",
    get: () => p.showMistakes,
    set: (on) => {
      p.showMistakes = on;
      w.tell({ do: "mistakes", on });
    },
  });
  p.listeners.rivals = (message, buffers) => {
    found = { ...message, maps: buffers.map(bytesOf) };
    ask.busy("");
    w.redraw();
    show();
  };
  const TITLES = { network: "playground.rival-network", knn: "playground.rival-knn", tree: "playground.rival-tree", bayes: "playground.rival-bayes", linear: "playground.rival-linear" };
  const show = () => {
    if (!found) return;
    cards.replaceChildren(
      ...found.cards.map((card, number) => {
        const tile = heatTile(found.side);
        const area = found.side ** 2;
        if (found.classes > 2) {
          classPixels(tile.pixels, found.maps[number].subarray(0, area), found.maps[number].subarray(area), w.dark, false);
          tile.flush();
        } else tile.paint(found.maps[number], p.colours());
        const scores = found.problem === "regression" ? [p.say("playground.rival-error", { train: brief(card.train), test: brief(card.test) })] : [p.say("playground.rival-right", { train: Math.round(card.train * 100), test: Math.round(card.test * 100) })];
        return node("figure", { class: "pg-rival" }, tile.canvas, node("figcaption", {}, node("b", {}, p.say(TITLES[card.name] ?? card.name)), node("span", { class: "pg-small" }, ...scores)));
      }),
    );
  };
  p.label(show);
  w.watch("theme", show);
  return { element: block(p, "playground.rivals", words(p, "p", "playground.rivals-how", { class: "fofx-soft" }), rowOf(ask.row, mistakes), cards) };
}

function twoPanel(p) {
  const { w } = p;
  const add = wordButton(p, "playground.two-add", () => w.tell({ do: "two", on: true }), { class: "fofx-button fofx-main" });
  const drop = wordButton(p, "playground.two-remove", () => w.tell({ do: "two", on: false }));
  const difference = node("div");
  const show = () => {
    const [a, b] = p.states();
    add.hidden = Boolean(b);
    drop.hidden = !b;
    if (!b) return difference.replaceChildren();
    const unlike = Object.keys(a).filter((name) => JSON.stringify(a[name]) !== JSON.stringify(b[name]));
    if (!unlike.length) return difference.replaceChildren(node("p", { class: "fofx-soft" }, p.say("playground.two-same")));
    const text = (value) => (Array.isArray(value) ? value.join(" ") : String(value));
    difference.replaceChildren(grid([p.say("playground.two-setting"), "A", "B"], unlike.map((name) => [p.controlName(name), text(a[name]), text(b[name])])));
  };
  p.follow(show);
  p.label(show);
  return { element: block(p, "playground.two", words(p, "p", "playground.two-how", { class: "fofx-soft" }), rowOf(add, drop), difference) };
}

function sweepPanel(p) {
  const { w } = p;
  let name = "seed";
  let found = null;
  const values = node("input", { type: "text", size: 34 });
  const epochs = node("input", { type: "number", min: 1, max: 5000, value: 100 });
  const settings = ["seed", "rate", "activations", "layers", "regularisation", "penalty", "batch", "noise", "train_share", "optimizer", "init", "dropout"];
  const usual = () => {
    const limits = p.limits();
    const lists = { rate: [0.001, 0.01, 0.03, 0.1, 0.3, 1], activations: limits.activations, layers: ["1", "2", "4", "8", "4;2", "8;8"], regularisation: limits.regularisation, penalty: [0, 0.001, 0.01, 0.1], batch: [1, 5, 10, 30], noise: [0, 10, 25, 50], train_share: [10, 30, 50, 70, 90], optimizer: limits.optimizer, init: limits.init, dropout: [0, 0.1, 0.3, 0.5] };
    values.value = (lists[name] ?? [0, 1, 2, 3, 4, 5, 6, 7]).join(", ");
  };
  usual();
  const which = select(p, "playground.sweep-setting", "sweep", {
    options: () => settings.map((each) => [each, p.controlName(each)]),
    get: () => name,
    set: (next) => {
      name = next;
      usual();
    },
  });
  const ask = asking(p, "playground.sweep-start", () => ({ do: "sweep", lane: p.lane(), name, values: values.value, epochs: Number(epochs.value) }));
  const strip = canvas(w, () => p.say("playground.sweep"), (context, width, height) => found && stripPlot(p, context, width, height, found), () => (found ? 190 : 1));
  const table = node("div", { class: "fofx-scroll" });
  const show = () => {
    if (!found) return;
    const rows = found.rows.map((row) => [row.value, lossText(row.train), lossText(row.test), row.accuracy === null ? "–" : `${Math.round(row.accuracy * 100)} %`, row.epochs]);
    const heads = [p.controlName(found.name), "playground.loss-train", "playground.loss-test", "playground.accuracy", "playground.epochs"];
    table.replaceChildren(grid(heads.map((head, at) => (at ? p.say(head) : head)), rows));
  };
  p.listeners.sweep = (message) => {
    found = message;
    ask.busy(message.rows.length < message.total && !message.over ? p.say("playground.sweep-done", { done: message.rows.length, total: message.total }) : "");
    show();
    w.redraw();
  };
  p.label(show);
  return {
    element: block(
      p,
      "playground.sweep",
      words(p, "p", "playground.sweep-how", { class: "fofx-soft" }),
      rowOf(which, field(p, "playground.sweep-values", "sweep", values), field(p, "playground.epochs", "sweep", epochs)),
      ask.row,
      node("div", { class: "pg-sweep" }, node("div", { class: "pg-strip" }, strip), table),
    ),
  };
}

/** One mark for the train loss and one for the test loss of every value that was tried. */
function stripPlot(p, context, width, height, found) {
  const ink = p.w.ink;
  const all = found.rows.flatMap((row) => [row.train, row.test]).filter(Number.isFinite);
  if (!all.length) return;
  const y = scale([0, Math.max(...all) * 1.05], [height - 34, 20]);
  const x = scale([-0.5, found.total - 0.5], [44, width - 8]);
  axes(context, p.w, Object.assign((value) => x(value), { domain: [0, 0] }), y, ["", p.say("playground.loss")]);
  context.strokeStyle = ink.line;
  context.beginPath();
  context.moveTo(44, height - 34);
  context.lineTo(width - 8, height - 34);
  context.stroke();
  context.textAlign = "center";
  context.textBaseline = "top";
  const every = Math.ceil(found.total / Math.max(1, (width - 52) / 46));
  found.rows.forEach((row, at) => {
    context.fillStyle = ink.soft;
    if (at % every === 0) context.fillText(String(row.value), x(at), height - 28);
    context.lineWidth = 1;
    context.strokeStyle = ink.back;
    if (Number.isFinite(row.train)) {
      context.fillStyle = ink.soft;
      mark(context, 3, x(at), y(row.train), 4);
    }
    if (Number.isFinite(row.test)) {
      context.fillStyle = ink.text;
      mark(context, 0, x(at), y(row.test), 4);
    }
  });
  context.textAlign = "right";
  context.fillStyle = ink.soft;
  context.textBaseline = "top";
  context.fillText(`● ${p.say("playground.loss-test")}   ◆ ${p.say("playground.loss-train")}`, width - 8, 0);
}

function landscapePanel(p) {
  const { w } = p;
  let way = "random";
  let found = null;
  let hover = null;
  const kinds = { random: "playground.landscape-random", path: "playground.landscape-path" };
  const which = segments(p, "playground.landscape-way", "landscape", { options: () => Object.entries(kinds).map(([value, key]) => [value, p.say(key)]), get: () => way, set: (next) => ((way = next), p.refresh()) });
  const ask = asking(p, "playground.landscape-draw", () => ({ do: "landscape", lane: p.lane(), way }));
  p.listeners.landscape = (message, buffers) => {
    found = { ...message, losses: floats(buffers[0]) };
    ask.busy("");
    w.redraw();
  };
  const said = node("p", { class: "fofx-soft", role: "status" });
  const made = canvas(
    w,
    () => p.say("playground.landscape"),
    (context, width, height) => {
      if (!found) return;
      landscapePicture(p, context, width, height, found, hover);
      const at = hover && cellOf(found, hover, width, height);
      said.textContent = at ? p.say("playground.landscape-at", { loss: lossText(found.losses[at.row * found.side + at.column]) }) : p.say("playground.landscape-said", { low: lossText(found.low), high: lossText(found.high) });
    },
    (width) => (found ? Math.min(width, 420) : 1),
  );
  w.on(made, "pointermove pointerdown", (event) => {
    hover = place(event, made);
    w.redraw();
  });
  w.on(made, "pointerleave", () => {
    hover = null;
    w.redraw();
  });
  return { element: block(p, "playground.landscape", words(p, "p", "playground.landscape-how", { class: "fofx-soft" }), rowOf(which), ask.row, node("div", { class: "pg-landscape" }, made), said) };
}

const sideOf = (width, height) => Math.min(width, height) - 8;

function cellOf(found, [x, y], width, height) {
  const size = sideOf(width, height);
  const [column, row] = [(x - 4) / size, 1 - (y - 4) / size].map((part) => Math.floor(part * found.side));
  return column >= 0 && row >= 0 && column < found.side && row < found.side ? { column, row } : null;
}

/** Low is light, high is dark; lines of equal loss; the way that training took, and where the weights are now. */
function landscapePicture(p, context, width, height, found, hover) {
  const size = sideOf(width, height);
  const { side } = found;
  const [low, high] = [Math.log(found.low + 1e-4), Math.log(found.high + 1e-4)];
  const level = (value) => (Number.isFinite(value) ? Math.max(0, Math.min(1, (Math.log(value + 1e-4) - low) / (high - low || 1))) : 1);
  const bands = 12;
  const flipped = new Float32Array(side * side);
  for (let row = 0; row < side; row++) for (let column = 0; column < side; column++) flipped[(side - 1 - row) * side + column] = level(found.losses[row * side + column]);
  const ramp = p.w.dark ? [[20, 44, 74], [240, 214, 140]] : [[253, 246, 227], [38, 70, 120]];
  const colour = (value) => {
    const part = (Math.floor(value * bands) / bands) * 0.8 + value * 0.2;
    return ramp[0].map((from, channel) => Math.round(from + (ramp[1][channel] - from) * (p.w.dark ? 1 - part : part)));
  };
  context.imageSmoothingEnabled = true;
  context.drawImage(picture(flipped, side, side, colour), 4, 4, size, size);
  const x = (value) => 4 + ((value + found.reach[0]) / (2 * found.reach[0])) * size;
  const y = (value) => 4 + size - ((value + found.reach[1]) / (2 * found.reach[1])) * size;
  context.save();
  context.beginPath();
  context.rect(4, 4, size, size);
  context.clip();
  if (found.path.length > 1) {
    context.strokeStyle = "#d55e00";
    context.lineWidth = 2.5;
    context.lineJoin = "round";
    context.beginPath();
    found.path.forEach(([across, up]) => context.lineTo(x(across), y(up)));
    context.stroke();
  }
  context.fillStyle = "#d55e00";
  context.strokeStyle = "#ffffff";
  context.lineWidth = 2;
  mark(context, 0, x(0), y(0), 6);
  context.restore();
}
