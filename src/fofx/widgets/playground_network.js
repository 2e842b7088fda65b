// The network in the middle: a tile for every feature and neuron, a curve for every weight. Widths and colours are the weights.
// Links are drawn on one canvas, since they change every frame; over it lie curves that are not seen but hit, focused and named.

const MAP_SIDE = 34; // dots of a neuron's heat map, as Python sends it
const LEAST_COLUMN = 78; // pixels between two layers before the network is scrolled instead of squeezed
const FEW_LINKS = 40; // so many are drawn in every frame, and flow
const HEAD = 62; // pixels above the tiles for each layer's buttons

function networkView(p, lane) {
  const { w } = p;
  const links = node("canvas", { class: "pg-links", "aria-hidden": "true" });
  const hits = node("svg", { class: "pg-hits" });
  const tiles = node("div", { class: "pg-tiles" });
  const place = node("div", { class: "pg-place" }, links, hits, tiles);
  const scroll = node("div", { class: "pg-scroll" }, place);
  const card = weightCard(p, lane, scroll);
  const layersName = node("span", { class: "pg-layers-name" });
  const fewer = roundButton(p, "−", "playground.layer-remove", () => resize(-1));
  const more = roundButton(p, "+", "playground.layer-add", () => resize(1));
  const title = node("div", { class: "pg-layers", "data-control": "layers" }, fewer, layersName, more);
  const hint = node("p", { class: "pg-hint" });
  p.label(() => (hint.textContent = p.say("playground.network-hint")));
  const element = node("div", { class: "pg-net", role: "group" }, title, scroll, card.element, hint);

  let shape = null; // what is laid out now, as text
  let linked = null; // the shape whose links are drawn
  let units = []; // {layer, unit, feature, x, y, tile, button}
  let curves = []; // {layer, unit, source, at, path, d}
  let biases = []; // {layer, unit, at, dot}
  let items = []; // everything that can be focused, in order
  let current = 0;
  let size = { width: 0, height: 0, tile: 40 };

  const state = () => p.states()[lane];
  const resize = (by, layer = null) => w.tell({ do: "layers", lane, layer, by }); // Python counts, so that quick clicks all count

  /** Where everything stands; called when the shape, the room or the language changes. */
  function layout() {
    const now = state();
    const frame = p.frame(lane);
    if (!now || !frame) return false;
    const sizes = frame.sizes;
    const wanted = [now.features.length, ...now.layers];
    if (wanted.length !== sizes.length - 1 || wanted.some((size, at) => size !== sizes[at])) return false; // the frame of this state is still to come
    const locked = now.hide.includes("features");
    const shown = w.model.get("features").filter((formula) => !locked || now.features.includes(formula));
    const room = scroll.clientWidth;
    const mark = JSON.stringify([shown, now.features, sizes, room, now.activations, w.model.get("lang"), now.hide]);
    if (mark === shape) return true;
    shape = mark;
    const focused = tiles.contains(document.activeElement) || hits.contains(document.activeElement);
    const rows = Math.max(shown.length, ...sizes.slice(1));
    const tile = Math.max(26, Math.min(40, Math.floor(440 / rows) - 11));
    const pitch = tile + 12;
    const columns = sizes.length - 1; // hidden layers and the output
    const label = room < 480 ? 42 : 50;
    const edge = sizes.at(-1) > 1 ? 26 : 8; // for the marks of the classes
    const width = Math.max(room, label + tile + edge + columns * LEAST_COLUMN);
    const height = HEAD + rows * pitch + 4;
    size = { width, height, tile };
    place.style.width = `${width}px`;
    place.style.height = `${height}px`;
    hits.setAttribute("viewBox", `0 0 ${width} ${height}`);
    hits.setAttribute("width", width);
    hits.setAttribute("height", height);
    const left = label + tile / 2;
    const right = width - tile / 2 - edge;
    const across = (column) => left + ((right - left) * column) / columns;
    const down = (count, number) => HEAD + (rows * pitch) / 2 + (number - (count - 1) / 2) * pitch;

    tiles.replaceChildren();
    hits.replaceChildren();
    units = [];
    curves = [];
    biases = [];
    items = [];
    shown.forEach((formula, row) => {
      const input = now.features.indexOf(formula);
      units.push(unitTile({ layer: 0, unit: input, row: w.model.get("features").indexOf(formula), feature: formula, x: left, y: down(shown.length, row) }));
    });
    tiles.append(featureHead(left));
    let offset = 0;
    for (let layer = 1; layer <= columns; layer++) {
      const [inputs, outputs] = [sizes[layer - 1], sizes[layer]];
      tiles.append(layer < columns ? layerHead(layer, across(layer), outputs) : outputHead(across(layer)));
      for (let unit = 0; unit < outputs; unit++) {
        const target = unitTile({ layer, unit, x: across(layer), y: down(outputs, unit), output: layer === columns, outputs });
        units.push(target);
        biases.push({ layer, unit, at: offset + outputs * inputs + unit, dot: target.dot });
        for (let source = 0; source < inputs; source++) {
          const from = units.find((each) => each.layer === layer - 1 && each.unit === source);
          curves.push(curve(from, target, { layer, unit, source, inputs, at: offset + unit * inputs + source }));
        }
      }
      offset += outputs * inputs + outputs;
    }
    items.forEach((item, number) => {
      item.node.setAttribute("tabindex", number === 0 ? "0" : "-1");
      item.node.setAttribute("aria-label", nameOf(item));
    });
    current = Math.min(current, items.length - 1);
    if (focused) focus(current);
    element.setAttribute("aria-label", p.say("playground.network-label", { sizes: sizes.join(" – ") }));
    layersName.textContent = p.say("playground.layers", { count: sizes.length - 2 });
    fewer.disabled = sizes.length <= 2;
    more.disabled = sizes.length - 2 >= p.limits().layers;
    paintFeatures();
    return true;
  }

  function unitTile(unit) {
    const heat = heatTile(MAP_SIDE);
    const dot = unit.layer ? node("span", { class: "pg-bias", "aria-hidden": "true" }) : null;
    const half = size.tile / 2;
    const button = node("button", { type: "button", class: "pg-unit" }, heat.canvas, dot);
    button.style.cssText = `left:${unit.x - half}px;top:${unit.y - half}px;width:${size.tile}px;height:${size.tile}px`;
    if (!unit.layer) {
      button.setAttribute("aria-pressed", String(unit.unit >= 0));
      const name = node("span", { class: "pg-feature-name", title: unit.feature }, written(unit.feature));
      name.style.cssText = `right:${size.width - unit.x + half + 6}px;top:${unit.y - half}px;line-height:${size.tile}px;font-size:${written(unit.feature).length > 6 ? 11 : 15}px`;
      tiles.append(name);
    }
    tiles.append(button);
    const made = { ...unit, heat, button, dot };
    items.push({ node: button, kind: unit.layer ? "unit" : "feature", ...unit });
    return made;
  }

  function curve(from, target, link) {
    const half = size.tile / 2;
    const spread = ((link.source - (link.inputs - 1) / 2) / link.inputs) * Math.min(14, size.tile * 0.4);
    const [x0, y0, x1, y1] = [from.x + half, from.y, target.x - half, target.y + spread];
    const middle = (x0 + x1) / 2;
    const d = `M${x0} ${y0}C${middle} ${y0} ${middle} ${y1} ${x1} ${y1}`;
    const path = node("path", { d, class: "pg-hit", role: "slider", "aria-valuemin": -10, "aria-valuemax": 10 });
    hits.append(path);
    items.push({ node: path, kind: "link", ...link, x: middle, y: (y0 + y1) / 2 });
    return { ...link, path, line: new Path2D(d) };
  }

  function featureHead(x) {
    const head = node("div", { class: "pg-head pg-head-first" }, node("b", {}, p.say("playground.features")));
    head.style.left = "0";
    head.style.width = `${x + size.tile / 2 + 10}px`;
    return head;
  }

  function layerHead(layer, x, count) {
    const limit = p.limits().units;
    const less = roundButton(p, "−", "playground.neuron-remove", () => resize(-1, layer - 1), { layer });
    const add = roundButton(p, "+", "playground.neuron-add", () => resize(1, layer - 1), { layer });
    less.disabled = count <= 1;
    add.disabled = count >= limit;
    const activation = p.named("activation", state().activations[layer - 1]);
    const head = node(
      "div",
      { class: "pg-head" },
      node("span", { class: "pg-stepper", "data-control": "layers" }, less, node("b", {}, String(count)), add),
      node("span", { class: "pg-small" }, activation),
    );
    head.style.left = `${x}px`;
    return head;
  }

  function outputHead(x) {
    const head = node("div", { class: "pg-head" }, node("b", {}, p.say("playground.output-short")), node("span", { class: "pg-small" }, p.outputName(lane)));
    head.style.left = `${x}px`;
    return head;
  }

  function paintFeatures() {
    const maps = p.featureMaps();
    const colours = p.colours();
    for (const unit of units) {
      if (unit.layer === 0 && maps.length >= (unit.row + 1) * MAP_SIDE ** 2) {
        unit.heat.paint(maps.subarray(unit.row * MAP_SIDE ** 2, (unit.row + 1) * MAP_SIDE ** 2), colours);
      }
    }
  }

  /** Tiles, links and biases of the newest frame. */
  function paint() {
    if (!layout()) return;
    const frame = p.frame(lane);
    const colours = p.colours();
    const values = p.showGradients ? frame.gradients : frame.weights;
    if (!values) return;
    let at = 0;
    for (const unit of units) {
      if (!unit.layer) continue;
      unit.heat.paint(frame.maps.subarray(at, at + MAP_SIDE ** 2), colours);
      at += MAP_SIDE ** 2;
    }
    let largest = 1;
    if (p.showGradients) largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-12);
    // Strokes cost more than all else: while many weights move slowly, every second picture of them is enough.
    if (curves.length <= FEW_LINKS || frame.seq % 2 === 0 || !w.model.get("playing") || linked !== shape) paintLinks(frame, values, largest);
    const told = p.showGradients ? (frame.gradient_of === "example" ? "playground.hint-example" : "playground.hint-batch") : "playground.network-hint";
    const text = p.say(told, { largest: brief(largest) });
    if (hint.textContent !== text) hint.textContent = text;
    for (const bias of biases) {
      const colour = inkOf(w.dark, values[bias.at] / largest, 0.15);
      if (bias.colour !== colour) bias.dot.style.background = bias.colour = colour;
    }
    card.follow();
    if (!w.model.get("playing")) {
      for (const link of curves) link.path.setAttribute("aria-valuenow", brief(frame.weights[link.at], 4));
    }
  }

  function paintLinks(frame, values, largest) {
    const dots = Math.min(window.devicePixelRatio || 1, 2);
    const [wide, high] = [Math.round(size.width * dots), Math.round(size.height * dots)];
    if (links.width !== wide || links.height !== high) {
      links.width = wide;
      links.height = high;
      links.style.width = `${size.width}px`;
      links.style.height = `${size.height}px`;
    }
    linked = shape;
    const context = links.getContext("2d");
    context.setTransform(dots, 0, 0, dots, 0, 0);
    context.clearRect(0, 0, size.width, size.height);
    context.lineCap = "butt";
    const strong = p.showGradients ? largest : 1;
    const dark = w.dark;
    const flows = curves.length <= FEW_LINKS && !p.still;
    for (const link of curves) {
      const value = values[link.at];
      const part = Math.min(Math.abs(value) / strong, p.showGradients ? 1 : 5);
      context.lineWidth = p.showGradients ? 0.7 + 7 * part : 0.9 + 1.75 * part;
      context.strokeStyle = inkOf(dark, value / strong, 0.3);
      if (flows) {
        context.setLineDash([10, 2]);
        context.lineDashOffset = -(frame.updates % 1200) / 6;
      } else context.setLineDash([]);
      context.stroke(link.line);
    }
    context.setLineDash([]);
    context.strokeStyle = w.ink.back;
    context.lineWidth = 1;
    for (const unit of units.filter((each) => each.output && each.outputs > 1)) {
      context.fillStyle = classColour(unit.unit);
      mark(context, unit.unit, unit.x + size.tile / 2 + 13, unit.y, 5.5);
    }
  }

  /** Make one item the one that Tab comes to, and go there. */
  function focus(number) {
    if (!items.length) return;
    items[current]?.node.setAttribute("tabindex", "-1");
    current = (number + items.length) % items.length;
    items[current].node.setAttribute("tabindex", "0");
    items[current].node.focus();
  }

  const itemOf = (target) => items.find((item) => item.node === target || item.node.contains(target));
  const placeOf = (item) => (item.kind === "link" ? item.at : biases.find((each) => each.layer === item.layer && each.unit === item.unit).at);
  const valueOf = (item) => p.frame(lane).weights[placeOf(item)];
  const send = (item, value) => w.tell({ do: "edit", lane, layer: item.layer - 1, unit: item.unit, source: item.kind === "link" ? item.source : "bias", ...value });

  const nameOf = (item) =>
    item.kind === "feature"
      ? p.say("playground.feature-name", { name: written(item.feature) })
      : p.weightName(lane, item.layer - 1, item.unit, item.kind === "link" ? item.source : "bias");

  function describe(item) {
    const text = nameOf(item);
    item.node.setAttribute("aria-label", item.kind === "unit" ? `${text} ${brief(valueOf(item))}` : text);
    if (item.kind === "link") item.node.setAttribute("aria-valuenow", brief(valueOf(item), 4));
  }

  function point(item) {
    if (item.kind === "link") p.look(lane, null);
    else p.look(lane, item.layer, item.kind === "feature" ? item.row : item.unit);
    if (item.kind !== "feature") card.show(item, nameOf(item), () => valueOf(item), (value) => send(item, { value }), size);
    describe(item);
  }

  w.on(place, "pointerover focusin", (event) => {
    const item = itemOf(event.target);
    if (!item || card.held() || card.returning()) return;
    if (event.type === "focusin") {
      items[current]?.node.setAttribute("tabindex", "-1");
      current = items.indexOf(item);
      item.node.setAttribute("tabindex", "0");
    } else if (event.pointerType === "touch") return;
    point(item);
  });
  w.on(place, "pointerout focusout", (event) => {
    const near = event.relatedTarget && itemOf(event.relatedTarget);
    if (card.held() || near || (event.type === "pointerout" && place.contains(document.activeElement) && document.activeElement.matches(":focus-visible"))) return;
    card.hide();
    p.look(lane, null);
  });
  w.on(place, "click", (event) => {
    const item = itemOf(event.target);
    if (!item) return;
    if (item.kind === "feature") {
      toggle(item.feature);
      return;
    }
    const held = card.held();
    card.hide();
    if (held && held.node === item.node) return;
    point(item);
    card.hold(event.detail === 0);
  });
  w.on(place, "keydown", (event) => {
    const item = itemOf(event.target);
    if (!item || event.altKey || event.ctrlKey || event.metaKey) return;
    const number = items.indexOf(item);
    const near = (way) => items.findIndex((each, at) => (way > 0 ? at > number : false) && each.kind !== "link");
    const actions = {
      ArrowRight: () => focus(number + 1),
      ArrowLeft: () => focus(number - 1),
      PageDown: () => focus(near(1) >= 0 ? near(1) : items.length - 1),
      PageUp: () => focus(Math.max(0, items.findLastIndex((each, at) => at < number && each.kind !== "link"))),
      Home: () => focus(0),
      End: () => focus(items.length - 1),
    };
    const way = { ArrowUp: 1, ArrowDown: -1 }[event.key];
    if (way && item.kind !== "feature") actions[event.key] = () => send(item, { by: way * (event.shiftKey ? 1 : 0.1) });
    if (event.key === "Delete" && item.kind !== "feature") actions.Delete = () => send(item, { value: 0 });
    if (event.key === "Enter" && item.kind === "link") actions.Enter = () => card.hold(true);
    if (event.key === "Escape") actions.Escape = () => card.hide();
    if (!actions[event.key]) return;
    event.preventDefault();
    actions[event.key]();
  });

  function toggle(formula) {
    if (!state().hide.includes("features")) w.tell({ do: "toggle", lane, formula });
  }

  w.watch("feature_maps features", () => ((shape = null), w.redraw()));
  p.label(() => (shape = null));
  w.drawing(paint);
  return { element, repaint: () => ((shape = null), w.redraw()) };
}

/** A small round button with a sign. */
function roundButton(p, sign, key, action, values = {}) {
  const made = node("button", { type: "button", class: "pg-round", title: p.say(key, values), "aria-label": p.say(key, values) }, sign);
  made.onclick = action;
  return made;
}
