// The controls that are always in sight: the bar above (play, rate, activation ...) and the data at the left.

function controlBar(p) {
  const { w } = p;
  const play = node("button", { type: "button", class: "pg-play", "data-control": "play" });
  const showPlay = () => {
    const on = w.model.get("playing");
    play.replaceChildren(icon(on ? "pause" : "play"));
    play.title = p.say(on ? "kit.pause" : "kit.play");
    play.setAttribute("aria-label", play.title);
    play.setAttribute("aria-pressed", String(on));
  };
  w.on(play, "click", () => w.tell({ do: w.model.get("playing") ? "pause" : "play" }));
  w.watch("playing", showPlay);
  p.label(showPlay);
  const reset = iconButton(p, "reset", "kit.reset", () => w.tell({ do: "reset" }), { "data-control": "reset" });
  const back = iconButton(p, "back", "kit.back", () => w.tell({ do: "back" }), { "data-control": "back" });
  const step = iconButton(p, "step", "kit.step", () => w.tell({ do: "step" }), { "data-control": "step" });
  const epoch = node("b", { class: "pg-epoch-number" });
  const stopped = words(p, "span", "playground.stopped", { class: "pg-small", hidden: "" });
  const name = words(p, "span", "playground.epoch", { class: "pg-name" });
  const epochs = node("div", { class: "pg-epoch" }, name, epoch, stopped);
  w.drawing(() => {
    const frame = p.frame(0);
    if (frame) epoch.textContent = String(frame.epoch).padStart(6, "0").replace(/(\d{3})$/, ",$1");
    const free = frame && frame.epoch === 0 && frame.updates === 0;
    stopped.hidden = !frame?.stopped || w.model.get("playing");
    back.disabled = Boolean(free) || w.model.get("playing");
  });
  const setting = (name) => ({ get: () => p.state()[name], set: (value) => p.change({ [name]: value }) });
  const numbers = (list) => list.map((value) => [value, plain(value)]);
  const fields = node(
    "div",
    { class: "pg-fields" },
    select(p, "playground.rate", "rate", { options: () => numbers(p.limits().rates), ...setting("rate") }),
    select(p, "playground.activation", "activations", {
      options: () => {
        const all = p.limits().activations.map((value) => [value, p.named("activation", value)]);
        return mixed(p.state().activations) ? [...all, ["mixed", p.say("playground.activation-mixed")]] : all;
      },
      get: () => (mixed(p.state().activations) ? "mixed" : (p.state().activations[0] ?? p.activation)),
      set: (value) => {
        if (value === "mixed") return;
        p.activation = value;
        p.change({ activations: p.state().layers.map(() => value) });
      },
    }),
    select(p, "playground.regularisation", "regularisation", {
      options: () => p.limits().regularisation.map((value) => [value, p.named("regularisation", value)]),
      ...setting("regularisation"),
    }),
    select(p, "playground.penalty", "penalty", { options: () => numbers(p.limits().penalties), ...setting("penalty") }),
    select(p, "playground.problem", "problem", {
      options: () => p.limits().problem.map((value) => [value, p.named("problem", value)]),
      ...setting("problem"),
    }),
  );
  return node("div", { class: "pg-bar" }, node("div", { class: "pg-run" }, reset, back, play, step, epochs), fields);
}

/** Whether the layers have different activations. */
function mixed(activations) {
  return activations.some((each) => each !== activations[0]);
}

/** A setting's number without an exponent: 0.00001. */
function plain(value) {
  return value !== 0 && Math.abs(value) < 1e-3 ? value.toFixed(6).replace(/0+$/, "") : String(value);
}

function dataColumn(p) {
  const { w } = p;
  const thumbs = node("div", { class: "pg-thumbs", role: "radiogroup", "data-control": "data" });
  const showThumbs = () => {
    thumbs.setAttribute("aria-label", p.say("playground.data"));
    const all = w.model.get("thumbs");
    const held = thumbs.contains(document.activeElement);
    const names = Object.keys(all);
    const chosen = p.state().data;
    thumbs.replaceChildren(
      ...names.map((name, number) => {
        const on = name === chosen;
        const made = node("button", {
          type: "button",
          role: "radio",
          class: "pg-thumb",
          "aria-checked": String(on),
          tabindex: on || (!names.includes(chosen) && number === 0) ? 0 : -1,
          title: p.named("data", name),
          "aria-label": p.named("data", name),
        });
        made.append(thumbnail(p, all[name]), node("span", { class: "pg-small" }, p.named("data", name)));
        const pick = (which) => p.change({ data: which });
        made.onclick = () => pick(name);
        made.onkeydown = (event) => {
          const way = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
          if (!way) return;
          event.preventDefault();
          pick(names[(number + way + names.length) % names.length]);
        };
        return made;
      }),
    );
    if (held) thumbs.querySelector('[aria-checked="true"]')?.focus();
  };
  p.label(showThumbs);
  p.follow(showThumbs);
  w.watch("thumbs", showThumbs);
  w.watch("theme", showThumbs);
  const setting = (name) => ({ get: () => p.state()[name], set: (value) => p.change({ [name]: value }) });
  const percent = (value) => `${value} %`;
  return node(
    "section",
    { class: "pg-data" },
    words(p, "h3", "playground.data"),
    thumbs,
    node(
      "div",
      { class: "pg-sliders" },
      range(p, "playground.train-share", "train_share", { low: 10, high: 90, step: 10, show: percent, ...setting("train_share") }),
      range(p, "playground.noise", "noise", { low: 0, high: 50, step: 5, show: percent, ...setting("noise") }),
      range(p, "playground.batch", "batch", { low: 1, high: 50, step: 1, ...setting("batch") }),
    ),
    wordButton(p, "playground.regenerate", () => w.tell({ do: "regenerate" }), { "data-control": "data", class: "fofx-button pg-regenerate" }),
  );
}

/** A small picture of a data set's own points. */
function thumbnail(p, points) {
  const made = node("canvas", { width: 128, height: 128, "aria-hidden": "true" });
  const context = made.getContext("2d");
  context.fillStyle = p.w.ink.panel;
  context.fillRect(0, 0, 128, 128);
  const rows = Float32Array.from(points.flatMap(([x, y, answer]) => [x, y, answer, 0]));
  const x = scale([-REACH, REACH], [4, 124]);
  const y = scale([-REACH, REACH], [124, 4]);
  const state = p.state();
  drawPoints(p, context, rows, x, y, { size: 4.2, test: true, state });
  return made;
}
