// What is folded away below the network: one panel at a time, built when it is first opened. Here the panels that set something:
// own points, formulas, training, code, and what a teacher hides.

/** The row of names and the panel that is open. A panel is {element, open(), close()}; only element is a must. */
function morePanels(p) {
  const { w } = p;
  const kinds = [
    ["playground.more-own", "own", ownPanel],
    ["playground.more-features", "features", featuresPanel],
    ["playground.more-training", null, trainingPanel],
    ["playground.more-example", "sample", examplePanel],
    ["playground.more-rivals", "rivals", rivalsPanel],
    ["playground.more-two", null, twoPanel],
    ["playground.more-sweep", "sweep", sweepPanel],
    ["playground.more-landscape", "landscape", landscapePanel],
    ["playground.more-code", "code", codePanel],
    ["playground.more-class", null, classPanel],
  ];
  const body = node("div", { class: "pg-panel", hidden: "" });
  const made = new Map();
  let open = null;
  const buttons = kinds.map(([key, control, build]) => {
    const one = node("button", { type: "button", class: "pg-tab", "aria-expanded": "false", "data-control": control });
    p.label(() => (one.textContent = p.say(key)));
    w.on(one, "click", () => {
      const again = open === key;
      if (open) made.get(open).close?.();
      open = again ? null : key;
      buttons.forEach((each) => each.setAttribute("aria-expanded", String(each === one && !again)));
      body.hidden = again;
      if (again) return;
      if (!made.has(key)) made.set(key, build(p));
      body.replaceChildren(made.get(key).element);
      made.get(key).open?.();
      p.hideNow();
      w.redraw();
    });
    return one;
  });
  return node("section", { class: "pg-more" }, node("div", { class: "pg-tabs" }, words(p, "span", "playground.more", { class: "pg-more-name" }), ...buttons), body);
}

const rowOf = (...parts) => node("div", { class: "pg-row" }, ...parts);
const block = (p, key, ...parts) => node("div", { class: "pg-block" }, words(p, "h4", key), ...parts);

function setting(p, name) {
  return { get: () => p.state()[name], set: (value) => p.change({ [name]: value }) };
}

/** A list of the values that a setting may take, named by the texts `group`-value. */
function listed(p, name, group, key, fit = () => true) {
  return select(p, key, name, { options: () => p.limits()[name].filter(fit).map((value) => [value, p.named(group, value)]), ...setting(p, name) });
}

/** A number typed within the limits of a setting. */
function typed(p, name, key, values = []) {
  const [low, high] = p.limits().ranges[name];
  return number(p, key, name, { low, high, values, ...setting(p, name) });
}

function ownPanel(p) {
  const { w } = p;
  const value = node("input", { type: "range", min: -1, max: 1, step: 0.1, value: 1 });
  const valueRow = node("label", { class: "pg-field" }, words(p, "span", "playground.brush-value", { class: "pg-name" }), value);
  const brush = segments(p, "playground.brush", "own", {
    options: () => {
      const off = [["off", p.say("playground.brush-off")]];
      const rub = [["rub", p.say("playground.brush-rub")]];
      if (p.state().problem === "regression") return [...off, ["value", p.say("playground.brush-points")], ...rub];
      return [...off, ...Array.from({ length: p.state().classes }, (_, at) => [at, p.say("playground.class", { name: p.className(at) })]), ...rub];
    },
    get: () => (p.brush === null ? "off" : p.brush === "rub" ? "rub" : p.state().problem === "regression" ? "value" : p.brush),
    set: (next) => hold(next),
  });
  const hold = (next) => {
    p.brush = next === "off" ? null : next === "value" ? Number(value.value) : next;
    p.refresh();
  };
  w.on(value, "input", () => hold("value"));
  p.follow(() => {
    valueRow.hidden = p.state().problem !== "regression";
    if (typeof p.brush === "number" && p.state().problem === "classification" && (p.brush >= p.state().classes || p.brush < 0 || p.brush % 1)) p.brush = null;
  });
  const text = node("textarea", { rows: 4, cols: 30, spellcheck: "false", placeholder: "1.5, -2, A\n-3, 0.5, B" });
  p.label(() => text.setAttribute("aria-label", p.say("playground.paste")));
  const file = node("input", { type: "file", accept: ".csv,.tsv,.txt,text/csv,text/plain" });
  const columns = node("div", { class: "pg-row", hidden: "" });
  let read = "";
  w.on(file, "change", async () => {
    const chosen = file.files[0];
    if (!chosen) return;
    read = await chosen.slice(0, 4_000_000).text();
    w.tell({ do: "columns", text: read.slice(0, 20_000) });
  });
  p.listeners.columns = ({ names }) => {
    const lists = ["playground.column-x", "playground.column-y", "playground.column-answer"].map((key, number) => {
      const list = node("select", {}, names.map((name) => node("option", { value: name }, name)));
      list.value = names[Math.min(number === 2 ? names.length - 1 : number, names.length - 1)];
      return [list, node("label", { class: "pg-field" }, node("span", { class: "pg-name" }, p.say(key)), list)];
    });
    const use = node("button", { type: "button", class: "fofx-button" }, p.say("playground.use"));
    use.onclick = () => w.tell({ do: "csv", text: read, x: lists[0][0].value, y: lists[1][0].value, answer: lists[2][0].value });
    columns.replaceChildren(...lists.map(([, label]) => label), use);
    columns.hidden = false;
  };
  const element = node(
    "div",
    { class: "pg-blocks" },
    block(
      p,
      "playground.paint",
      words(p, "p", "playground.paint-how", { class: "fofx-soft" }),
      rowOf(brush, valueRow),
      rowOf(typed(p, "classes", "playground.classes"), typed(p, "count", "playground.count"), wordButton(p, "playground.clear", () => w.tell({ do: "clear" }))),
    ),
    block(p, "playground.paste", words(p, "p", "playground.paste-how", { class: "fofx-soft" }), text, rowOf(wordButton(p, "playground.use", () => w.tell({ do: "paste", text: text.value })))),
    block(p, "playground.csv", words(p, "p", "playground.csv-how", { class: "fofx-soft" }), rowOf(file), columns),
  );
  return { element, close: () => hold("off") };
}

function featuresPanel(p) {
  const { w } = p;
  const input = node("input", { type: "text", maxlength: 80, size: 22, placeholder: "sin(x * y)", autocomplete: "off", spellcheck: "false" });
  const add = () => input.value.trim() && w.tell({ do: "feature", formula: input.value });
  w.on(input, "keydown", (event) => event.key === "Enter" && add());
  const chips = node("div", { class: "pg-row" });
  const show = () => {
    chips.replaceChildren(
      ...w.model.get("features").slice(7).map((formula) => {
        const gone = node("button", { type: "button", class: "pg-chip", "aria-label": p.say("playground.formula-remove", { formula }) }, written(formula), icon("close"));
        gone.onclick = () => w.tell({ do: "feature-remove", formula });
        return gone;
      }),
    );
  };
  w.watch("features", () => {
    input.value = "";
    show();
  });
  p.label(show);
  const examples = ["x * x + y * y", "cos(x)", "sin(x * y)", "abs(x)", "x > y", "atan2(y, x)"].map((formula) => {
    const made = node("button", { type: "button", class: "pg-chip" }, formula);
    w.on(made, "click", () => w.tell({ do: "feature", formula }));
    return made;
  });
  const element = block(
    p,
    "playground.formula",
    words(p, "p", "playground.formula-how", { class: "fofx-soft" }),
    rowOf(field(p, "playground.formula", "features", input), wordButton(p, "playground.formula-add", add)),
    rowOf(...examples),
    chips,
  );
  return { element };
}

function trainingPanel(p) {
  const { w } = p;
  const layers = node("div", { class: "pg-row" });
  const showLayers = () => {
    const state = p.state();
    const mark = JSON.stringify([state.layers.length, state.activations, w.model.get("lang")]);
    if (layers.dataset.mark === mark) return;
    layers.dataset.mark = mark;
    layers.replaceChildren(
      ...state.activations.map((activation, at) => {
        const list = node("select", {}, p.limits().activations.map((each) => node("option", { value: each }, p.named("activation", each))));
        list.value = activation;
        list.onchange = () => p.change({ activations: p.state().activations.with(at, list.value) });
        return node("label", { class: "pg-field" }, node("span", { class: "pg-name" }, p.say("playground.layer", { layer: at + 1 })), list);
      }),
    );
  };
  p.follow(showLayers);
  p.label(showLayers);
  const horizon = typed(p, "horizon", "playground.horizon");
  p.follow(() => (horizon.hidden = p.state().schedule === "constant"));
  const element = node(
    "div",
    { class: "pg-blocks" },
    block(
      p,
      "playground.steps",
      rowOf(
        segments(p, "playground.speed", "play", { options: () => [1, 2, 5, 20, 100].map((value) => [value, `${value}×`]), get: () => w.model.get("speed"), set: (speed) => w.tell({ do: "speed", speed }) }),
        segments(p, "playground.step-by", "step", {
          options: () => ["epoch", "batch", "sample"].map((unit) => [unit, p.named("step", unit)]),
          get: () => w.model.get("step_by"),
          set: (unit) => w.tell({ do: "step-by", unit }),
        }),
      ),
      rowOf(typed(p, "seed", "playground.seed"), wordButton(p, "playground.seed-new", () => p.change({ seed: Math.floor(Math.random() * 10_000) }))),
      words(p, "p", "playground.seed-how", { class: "fofx-soft" }),
    ),
    block(
      p,
      "playground.optimize",
      rowOf(listed(p, "optimizer", "optimizer", "playground.optimizer"), typed(p, "rate", "playground.rate-free", p.limits().rates), listed(p, "schedule", "schedule", "playground.schedule"), horizon),
      rowOf(range(p, "playground.dropout", "dropout", { low: 0, high: 0.9, step: 0.05, show: (value) => `${Math.round(value * 100)} %`, ...setting(p, "dropout") }), typed(p, "penalty", "playground.penalty-free", p.limits().penalties)),
      rowOf(box(p, "playground.show-penalty", "show_penalty", setting(p, "show_penalty"))),
    ),
    block(
      p,
      "playground.model",
      rowOf(layers),
      rowOf(
        listed(p, "init", "init", "playground.init"),
        listed(p, "loss", "loss", "playground.loss"),
        listed(p, "output", "activation", "playground.output-activation"),
      ),
    ),
    block(p, "playground.stop", words(p, "p", "playground.stop-how", { class: "fofx-soft" }), rowOf(typed(p, "stop_epochs", "playground.stop-epochs"), typed(p, "stop_loss", "playground.stop-loss"), typed(p, "stop_patience", "playground.stop-patience"))),
  );
  element.lastElementChild.dataset.control = "stop";
  return { element };
}

/** A button that copies the text of `source()`. */
function copyButton(p, source) {
  const made = node("button", { type: "button", class: "fofx-button" });
  const name = () => (made.textContent = p.say("kit.copy"));
  p.label(name);
  let waiting = 0;
  p.w.on(made, "click", async () => {
    const text = source();
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const place = node("textarea", { class: "pg-unseen" }, text); // where the page may not reach the clipboard
      p.w.root.append(place);
      place.select();
      document.execCommand("copy");
      place.remove();
    }
    made.textContent = p.say("kit.copied");
    clearTimeout(waiting);
    waiting = setTimeout(name, 1500);
  });
  p.w.ending(() => clearTimeout(waiting));
  return made;
}

function codePanel(p) {
  const { w } = p;
  const shown = node("pre", { class: "pg-code", tabindex: "0" });
  const text = node("textarea", { rows: 8, spellcheck: "false" });
  p.label(() => text.setAttribute("aria-label", p.say("playground.code-back")));
  let open = false;
  p.listeners.code = (message) => (shown.textContent = message.text);
  const ask = () => open && w.tell({ do: "code", lane: p.lane() });
  p.follow(ask);
  const element = node(
    "div",
    { class: "pg-blocks pg-code-blocks" },
    block(p, "playground.code", words(p, "p", "playground.code-how", { class: "fofx-soft" }), shown, rowOf(copyButton(p, () => shown.textContent))),
    block(p, "playground.code-back", words(p, "p", "playground.code-back-how", { class: "fofx-soft" }), text, rowOf(wordButton(p, "playground.use", () => w.tell({ do: "from-code", lane: p.lane(), text: text.value })))),
  );
  return {
    element,
    open() {
      open = true;
      ask();
    },
    close: () => (open = false),
  };
}

function classPanel(p) {
  const { w } = p;
  const link = node("input", { type: "text", readonly: "", class: "pg-link" });
  const show = () => (link.value = `?${w.model.get("state_url") || "data=circle"}`);
  w.watch("state_url", show);
  show();
  const ticks = node("div", { class: "pg-ticks" });
  p.limits().hide.forEach((control) => {
    const input = node("input", { type: "checkbox" });
    const name = node("span");
    p.label(() => (name.textContent = p.controlName(control)));
    p.follow(() => (input.checked = p.states()[0].hide.includes(control)));
    w.on(input, "change", () => {
      const others = p.states()[0].hide.filter((each) => each !== control);
      p.change({ hide: input.checked ? [...others, control] : others }, 0);
    });
    ticks.append(node("label", { class: "pg-tick" }, input, name));
  });
  const element = node(
    "div",
    { class: "pg-blocks" },
    block(p, "playground.link", words(p, "p", "playground.link-how", { class: "fofx-soft" }), rowOf(field(p, "playground.link", "link", link), copyButton(p, () => link.value))),
    block(p, "playground.hide", words(p, "p", "playground.hide-how", { class: "fofx-soft" }), ticks),
  );
  return { element };
}
