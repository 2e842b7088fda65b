// Any weight of any network: a parameter's numbers to pick from, and the chain rule of the picked weight from window to window.

const PASSAGES = { loss: "network.through.loss", window: "network.through.window", layer: "network.through.layer", share: "network.through.share", places: "network.through.places" };

/** The picker: `place` to put on the page, `draw()` after a change, `choose(name)` for a parameter chosen elsewhere. */
function weightPicker(w) {
  const { model } = w;
  const name = node("span");
  const list = node("select", { change: () => choose(list.value) });
  const fields = node("div", { class: "fofx-row net-place" });
  const said = node("p", { class: "fofx-soft" });
  const held = (at) => (model.get("parameter") === at ? model.get("picked") : []);
  let spot = null; // [row, column] under the pointer or reached by keys
  let offered = "";

  const choose = (parameter) => {
    spot = null;
    w.tell({ do: "parameter", name: parameter });
  };
  const pick = (at) => w.tell({ do: "pick", name: model.get("parameter"), place: at });
  const sizes = () => model.get("table").shape ?? [];
  /** Where a cell of the matrix stands in the parameter: the columns are all axes behind the first. */
  const spread = (row, column) => {
    const shape = sizes();
    if (shape.length === 1) return [column];
    const at = [];
    for (const size of shape.slice(1).reverse()) {
      at.unshift(column % size);
      column = Math.floor(column / size);
    }
    return [row, ...at];
  };
  const folded = (at) => (sizes().length === 1 ? [0, at[0]] : [at[0], at.slice(1).reduce((sum, place, axis) => sum * sizes()[axis + 1] + place, 0)]);
  const value = (row, column) => floats(model.get("numbers_of"))[row * model.get("table").columns + column];
  const written = (at) => at.map((place) => place + 1).join(", ");

  const plot = canvas(w, () => w.say("network.through.plot", { name: model.get("parameter"), shape: sizesText(sizes()) }), paint, (width) => {
    const { rows, columns } = model.get("table");
    return rows ? Math.min(320, Math.max(rows === 1 ? 26 : 40, (rows * width) / columns), rows * 22) : 1;
  });
  function paint(context, width, height) {
    const { rows, columns, most } = model.get("table");
    if (!rows || floats(model.get("numbers_of")).length !== rows * columns) return;
    const cells = picture(floats(model.get("numbers_of")), columns, rows, (each) => diverging(each / (most || 1), w.dark));
    context.imageSmoothingEnabled = false;
    context.drawImage(cells, 0, 0, width, height);
    const [across, down] = [width / columns, height / rows];
    const group = sizes().length > 2 ? sizes().slice(2).reduce((a, b) => a * b, 1) : 0; // a kernel of one channel
    if (group && across * group > 6) {
      context.fillStyle = w.ink.line;
      for (let at = group; at < columns; at += group) context.fillRect(Math.round(at * across), 0, 1, height);
    }
    const frame = ([row, column], colour) => {
      const [wide, high] = [Math.max(across, 5), Math.max(down, 5)];
      context.lineWidth = 3;
      context.strokeStyle = w.ink.back;
      const box = [(column + 0.5) * across - wide / 2, (row + 0.5) * down - high / 2, wide, high];
      context.strokeRect(...box);
      context.lineWidth = 1.5;
      context.strokeStyle = colour;
      context.strokeRect(...box);
    };
    const chosen = model.get("picked");
    if (chosen.length === sizes().length && chosen.length) frame(folded(chosen), w.ink.accent);
    if (spot) frame(spot, w.ink.text);
  }
  const cell = (at) => {
    const { rows, columns } = model.get("table");
    const inside = (place, many, size) => Math.max(0, Math.min(many - 1, Math.floor((place / size) * many)));
    return [inside(at[1], rows, plot.clientHeight), inside(at[0], columns, plot.clientWidth)];
  };
  const tell = () => {
    const { columns, rows, shape } = model.get("table");
    const cut = shape && shape.reduce((a, b) => a * b, 1) > rows * columns ? ` ${w.say("network.through.cut", { rows, columns })}` : "";
    said.textContent = (spot ? `${model.get("parameter")}[${written(spread(...spot))}] = ${brief(value(...spot), 4)}` : w.say("network.through.how")) + cut;
  };
  hovering(w, plot, (at) => {
    spot = at && model.get("table").rows ? cell(at) : null;
    tell();
  });
  w.on(plot, "click", (event) => {
    if (model.get("table").rows) pick(spread(...cell(place(event, plot))));
  });
  w.on(plot, "keydown", (event) => {
    const { rows, columns } = model.get("table");
    const chosen = model.get("picked");
    const move = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    const from = spot ?? (chosen.length ? folded(chosen) : [0, move ? -move[1] : 0]);
    if (move) spot = [Math.max(0, Math.min(rows - 1, from[0] + move[0])), Math.max(0, Math.min(columns - 1, from[1] + move[1]))];
    else if (event.key === "Enter" && rows) pick(spread(...from));
    else return;
    event.preventDefault();
    tell();
    w.announce(said.textContent);
    w.redraw();
  });

  /** One field for each axis, counted from 1. */
  function axesFields() {
    const shape = sizes();
    const key = `${model.get("parameter")} ${shape.join(" ")} ${model.get("lang")}`;
    const at = held(model.get("parameter"));
    if (fields.dataset.key !== key) {
      fields.dataset.key = key;
      const boxes = shape.map((size, axis) => node("input", { type: "number", min: 1, max: size, value: 1, "aria-label": w.say("network.through.axis", { axis: axis + 1, size }) }));
      const go = node("button", { type: "button", class: "fofx-button", click: () => pick(boxes.map((box, axis) => Math.max(1, Math.min(shape[axis], Math.round(Number(box.value)) || 1)) - 1)) }, "∂L/∂w");
      go.setAttribute("aria-label", w.say("network.explain"));
      boxes.forEach((box) => box.addEventListener("keydown", (event) => event.key === "Enter" && go.click()));
      fields.replaceChildren(node("span", {}, w.say("network.through.place")), ...boxes.flatMap((box, axis) => [box, node("span", { class: "fofx-soft" }, `/ ${shape[axis]}`)]), go);
    }
    if (at.length === shape.length && !fields.contains(document.activeElement)) fields.querySelectorAll("input").forEach((box, axis) => (box.value = at[axis] + 1));
  }

  const made = node("div", { class: "net-picker" }, node("label", { class: "fofx-control" }, name, list), plot, said, fields);
  function draw() {
    const all = model.get("parameters");
    made.hidden = !all.length;
    if (made.hidden) return;
    name.textContent = w.say("network.through.parameter");
    const now = all.map(([each, shape]) => `${each} ${shape}`).join("\n");
    if (now !== offered) {
      offered = now;
      list.replaceChildren(...all.map(([each, shape]) => node("option", { value: each }, `${insideName(w, each)} (${sizesText(shape)})`)));
    }
    list.value = model.get("parameter");
    axesFields();
    tell();
    w.redraw();
  }
  return { place: made, draw, choose };
}

/** A name inside the network without what all names of a single encoder begin with. */
function insideName(w, name) {
  const alone = w.model.get("parameters").every(([each]) => each.startsWith("encoders.0."));
  return alone ? name.replace(/^encoders\.0\.(model\.)?/, "") || name : name;
}

/** The chain rule of the picked weight: a factor for each passage with its gradient as maps, the places, the proof. */
function throughPanel(w, close) {
  const { model } = w;
  const made = node("div", { class: "net-chain", role: "region" });

  function draw() {
    const chain = model.get("through");
    const values = floats(model.get("maps"));
    const pictures = new Map((chain.pictures ?? []).map((each) => [each.name, each]));
    const last = [...pictures.values()].pop();
    made.hidden = chain.gradient === undefined;
    if (made.hidden) return made.replaceChildren();
    if (last && values.length < last.first + last.kept.reduce((a, b) => a * b, 1)) return; // the rest is still on its way
    made.setAttribute("aria-label", w.say("network.chain"));
    const at = model.get("picked").map((place) => place + 1).join(", ");
    const words = (passage) => w.say(PASSAGES[passage.kind], { name: insideName(w, passage.name), kind: chain.kind, count: chain.place_count.toLocaleString("en") });
    const rows = chain.passages.map((passage, number) => {
      const map = pictures.get(String(number));
      const name = passage.name ? `∂L/∂(${insideName(w, passage.name)})` : "∂L/∂ŷ";
      const maps = map ? node("div", { class: "net-gradient" }, node("small", {}, `${name}: ${sizesText(passage.shape)}`), windowMaps(w, { ...map, name }, values, false)) : null;
      return chainFactor(w, words(passage), passage, maps);
    });
    const [delta, slope] = [pictures.get("delta"), pictures.get("slope")];
    const both = delta ? [["network.through.delta", delta], ["network.through.slope", slope]].map(([key, map]) => node("div", {}, node("small", {}, `${w.say(key)} (±${brief(map.most)})`), windowMaps(w, { ...map, name: w.say(key) }, values, false))) : [];
    const uses = chain.operations.map(([operation, count]) => (count > 1 ? `${count} × ${operation}` : operation)).join(", ");
    const heads = ["network.through.where", "network.through.delta", "network.through.slope", "network.product"].map((key) => w.say(key));
    const several = chain.operations.reduce((sum, [, count]) => sum + count, 0) > 1;
    const lines = chain.places.map(([use, place, own, gain, product]) => [`${several ? `${w.say("network.through.use", { number: use + 1 })}: ` : ""}${place.map((each) => each + 1).join(", ")}`, brief(own), brief(gain), brief(product)]);
    const shut = node("button", { type: "button", class: "fofx-button", click: close }, w.say("network.forget"));
    made.replaceChildren(
      node("div", { class: "net-top" }, node("h3", {}, w.say("network.chain")), shut),
      node("p", { class: "fofx-soft" }, `${model.get("parameter")}[${at}] = ${chainNumber(chain.value)}`),
      node("p", { class: "fofx-soft" }, w.say(chain.operations.length ? "network.through.uses" : "network.through.unused", { uses, kind: chain.kind })),
      node("ol", {}, rows),
      ...(both.length ? [node("div", { class: "net-both" }, both)] : []),
      ...(lines.length ? [node("div", { class: "fofx-scroll" }, grid(heads, lines, w.say(chain.place_count > lines.length ? "network.through.largest" : "network.through.all", { count: chain.place_count.toLocaleString("en") })))] : []),
      ...chainProof(w, chain, chain.passages.map((passage) => passage.value)),
    );
  }
  return { place: made, draw };
}
