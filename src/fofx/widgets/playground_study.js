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
  const gradients = box(p, "playground.show-gradients", null, { get: () => p.showGradients, set: (on) => showGradients(on) });
  const showGradients = (on) => {
    p.showGradients = on;
    p.refresh();
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
      node("div", { class: "fofx-scroll" }, grid(
        [p.say("playground.example-weight"), p.say("playground.example-before"), p.say("playground.example-gradient"), p.say("playground.example-after")],
        moves.map((move) => [p.weightName(example.lane, move.layer, move.unit, move.source ?? "bias"), brief(move.before, 4), brief(move.gradient, 4), brief(move.after, 4)]),
        p.say("playground.example-moves", { count: moves.length }),
      )),
    );
  };
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
  const mistakes = box(p, "playground.show-mistakes", "mistakes", {
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
        return node("figure", { class: "pg-rival" }, tile.canvas, node("figcaption", {}, node("b", {}, p.say(TITLES[card.name] ?? card.name, { count: card.k })), node("span", { class: "pg-small" }, ...scores)));
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
  context.strokeStyle = ink.line;
  context.lineWidth = 1;
  context.fillStyle = ink.soft;
  context.textAlign = "right";
  context.textBaseline = "middle";
  for (const value of ticks(...y.domain, 4)) {
    context.globalAlpha = value ? 0.5 : 1;
    context.beginPath();
    context.moveTo(44, y(value));
    context.lineTo(width - 8, y(value));
    context.stroke();
    context.globalAlpha = 1;
    context.fillText(brief(value), 38, y(value));
  }
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
  const kinds = { random: "playground.landscape-random", weights: "playground.landscape-weights" };
  const which = segments(p, "playground.landscape-way", "landscape", { options: () => Object.entries(kinds).map(([value, key]) => [value, p.say(key)]), get: () => way, set: (next) => ((way = next), p.refresh()) });
  const picks = [0, 1].map((number) => {
    const list = node("select", { "aria-label": `${number + 1}` });
    p.follow(() => {
      const all = everyWeight(p);
      const mark = JSON.stringify([all.length, p.state().layers, p.state().features, w.model.get("lang")]);
      if (list.dataset.mark === mark) return;
      list.dataset.mark = mark;
      list.replaceChildren(...all.map((weight) => node("option", { value: JSON.stringify(weight) }, p.weightName(p.lane(), ...weight))));
      list.selectedIndex = number;
    });
    return list;
  });
  const pair = rowOf(...picks);
  p.follow(() => (pair.hidden = way !== "weights"));
  const ask = asking(p, "playground.landscape-draw", () => ({ do: "landscape", lane: p.lane(), way, weights: picks.map((list) => JSON.parse(list.value)) }));
  p.listeners.landscape = (message, buffers) => {
    const names = message.random ? ["", ""] : picks.map((list) => list.selectedOptions[0]?.textContent ?? "");
    found = { ...message, losses: floats(buffers[0]), names };
    ask.busy("");
    w.redraw();
  };
  const said = node("p", { class: "fofx-soft", role: "status" });
  const made = canvas(
    w,
    () => p.say("playground.landscape"),
    (context, width, height) => {
      if (!found) return;
      const frame = landscapePicture(p, context, width, height, found);
      const at = hover && frame.cell(hover);
      said.textContent = at ? p.say("playground.landscape-at", { loss: lossText(found.losses[at.row * found.side + at.column]) }) : p.say("playground.landscape-said", { low: lossText(found.low), high: lossText(found.high) });
    },
    (width) => (found ? width * 0.86 : 0.01),
  );
  hovering(w, made, (spot) => (hover = spot));
  return { element: block(p, "playground.landscape", words(p, "p", "playground.landscape-how", { class: "fofx-soft" }), rowOf(which, pair, ask.row), node("div", { class: "pg-landscape" }, made), said) };
}

/** [layer, unit, source] of every weight and bias of the chosen network. */
function everyWeight(p) {
  const sizes = p.frame(p.lane())?.sizes ?? [];
  const all = [];
  for (let layer = 0; layer + 1 < sizes.length; layer++)
    for (let unit = 0; unit < sizes[layer + 1]; unit++) for (let source = 0; source <= sizes[layer]; source++) all.push([layer, unit, source < sizes[layer] ? source : "bias"]);
  return all;
}

/** Low is light, high is dark, in bands of equal loss; a dot where the weights are now. Gives cell([x, y]) for the pointer. */
function landscapePicture(p, context, width, height, found) {
  const { side } = found;
  const [low, high] = [Math.log(found.low + 1e-4), Math.log(found.high + 1e-4)];
  const level = (value) => (Number.isFinite(value) ? Math.max(0, Math.min(1, (Math.log(value + 1e-4) - low) / (high - low || 1))) : 1);
  const bands = 14;
  const flipped = new Float32Array(side * side);
  for (let row = 0; row < side; row++) for (let column = 0; column < side; column++) flipped[(side - 1 - row) * side + column] = level(found.losses[row * side + column]);
  const ramp = p.w.dark ? [[240, 214, 140], [22, 40, 66]] : [[253, 246, 227], [38, 70, 120]];
  const colour = (value) => {
    const part = (Math.floor(value * bands) / bands) * 0.75 + value * 0.25;
    return ramp[0].map((from, channel) => Math.round(from + (ramp[1][channel] - from) * part));
  };
  const x = scale(found.x, [52, width - 8]);
  const y = scale(found.y, [height - 40, 22]);
  const [left, top, wide, high_] = [x(found.x[0]), y(found.y[1]), x(found.x[1]) - x(found.x[0]), y(found.y[0]) - y(found.y[1])];
  context.imageSmoothingEnabled = true;
  context.drawImage(picture(flipped, side, side, colour), left, top, wide, high_);
  axes(context, p.w, x, y, found.names);
  context.fillStyle = "#d55e00";
  context.strokeStyle = "#ffffff";
  context.lineWidth = 2;
  mark(context, 0, x(found.here[0]), y(found.here[1]), 6);
  return {
    cell([across, up]) {
      const [column, row] = [(across - left) / wide, 1 - (up - top) / high_].map((part) => Math.floor(part * side));
      return column >= 0 && row >= 0 && column < side && row < side ? { column, row } : null;
    },
  };
}
