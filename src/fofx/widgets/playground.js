// The playground: puts bar, data, network, output and what is folded away together, and takes frames from Python.
// Python trains and measures; this page draws a frame, then asks for the next one, so no frame is ever waiting in line.

export default {
  render({ model, el }) {
    const w = widget(model, el, "playground");
    const p = playground(w);
    const lanes = node("div", { class: "pg-lanes" });
    const data = dataColumn(p);
    const main = node("div", { class: "pg-main" }, data, lanes);
    w.root.append(controlBar(p), main, morePanels(p));
    const views = [];
    const arrange = () => {
      while (views.length < p.states().length) {
        const lane = views.length;
        const [network, output] = [networkView(p, lane), outputView(p, lane)];
        const name = node("button", { type: "button", class: "pg-lane-name" });
        name.onclick = () => w.tell({ do: "choose", lane });
        const note = words(p, "span", "playground.lane-note", { class: "pg-small" });
        const element = node("div", { class: "pg-lane" }, node("div", { class: "pg-lane-head" }, name, note), network.element, output.element);
        lanes.append(element);
        views.push({ element, network, output, name });
      }
      views.forEach((view, lane) => {
        view.element.hidden = lane >= p.states().length;
        view.element.classList.toggle("pg-chosen", lane === p.lane());
        view.name.textContent = p.say("playground.lane", { name: "AB"[lane] });
        view.name.setAttribute("aria-pressed", String(lane === p.lane()));
      });
      lanes.classList.toggle("pg-two", p.states().length > 1);
      p.hideNow();
    };
    p.follow(arrange);
    p.label(arrange);
    p.begin();
    return w.done;
  },
};

/** What all parts of the page share: state, frames, points, and how to tell Python of a change. */
function playground(w) {
  const { model } = w;
  const followers = [];
  const labels = [];
  const frames = [];
  const curves = [];
  let number = 0;
  let looked = null; // {lane, layer, unit}
  let tables = {};
  let drawn = 0;
  let stroke = [];
  let waiting = 0;
  let asking = 0;
  let later = 0;
  let last = null;
  let told = null; // the update that was announced

  const p = {
    w,
    brush: null,
    showGradients: false,
    showMistakes: false,
    activation: "tanh",
    pointsVersion: 0,
    still: matchMedia("(prefers-reduced-motion: reduce)").matches,
    say: (key, values) => w.say(key, values),
    /** The text of a value: ("activation", "relu"). What has none is shown as it is. */
    named: (group, value) => {
      const key = `playground.${group}-${value}`;
      return VALUE_TEXTS.includes(key) ? w.say(key) : String(value);
    },
    controlName: (name) => (CONTROL_TEXTS[name] ? w.say(CONTROL_TEXTS[name]) : name),
    refresh: () => {
      followers.forEach((show) => show());
      w.redraw();
    },
    label(show) {
      labels.push(show);
      show();
    },
    follow(show) {
      followers.push(show);
      show();
    },
    id: () => `pg-${++number}-${Math.random().toString(36).slice(2, 8)}`,
    states: () => model.get("states"),
    lane: () => Math.min(model.get("lane"), p.states().length - 1),
    state: () => p.states()[p.lane()],
    limits: () => model.get("limits"),
    change: (fields, lane = p.lane()) => w.tell({ do: "change", lane, fields }),
    frame: (lane) => frames[lane],
    history: (lane) => (curves[lane] ??= { update: [], train: [], test: [] }),
    points: () => floats(model.get("points")),
    featureMaps: () => bytesOf(model.get("feature_maps")),
    colours(discrete = false) {
      const key = `${w.dark}${discrete}`;
      return (tables[key] ??= heatColours(w.dark, discrete ? 2 : 256));
    },
    className: (at) => model.get("class_names")[at] ?? String(at + 1),
    outputName: (lane) => p.named("activation", frames[lane].activation),
    looked: (lane) => (looked && looked.lane === lane ? looked : null),
    look(lane, layer, unit) {
      if (layer === null) {
        if (!looked || looked.lane !== lane) return;
        looked = null;
        w.tell({ do: "look", lane, layer: null });
      } else {
        if (looked && looked.lane === lane && looked.layer === layer && looked.unit === unit) return;
        looked = { lane, layer, unit, name: p.unitName(lane, layer, unit) };
        w.tell({ do: "look", lane, layer, unit });
      }
      w.redraw();
    },
    unitName(lane, layer, unit) {
      const sizes = frames[lane].sizes;
      if (layer === 0) return written(model.get("features")[unit]);
      if (layer < sizes.length - 1) return p.say("playground.neuron", { layer, unit: unit + 1 });
      return sizes.at(-1) > 1 ? p.say("playground.class", { name: p.className(unit) }) : p.say("playground.output-short");
    },
    /** A weight by the layer that reads, the unit it leads to and the unit it comes from, or "bias". */
    weightName(lane, layer, unit, source) {
      const to = p.unitName(lane, layer + 1, unit);
      if (source === "bias") return p.say("playground.bias-name", { name: to });
      const row = layer === 0 ? model.get("features").indexOf(p.states()[lane].features[source]) : source;
      return p.say("playground.weight-name", { from: p.unitName(lane, layer, row), to });
    },
    /** The small heat map of a unit, shown until the large one has come. */
    smallMap(lane, { layer, unit }) {
      const area = MAP_SIDE ** 2;
      if (layer === 0) return p.featureMaps().subarray(unit * area, (unit + 1) * area);
      const before = frames[lane].sizes.slice(1, layer).reduce((sum, size) => sum + size, 0) + unit;
      return frames[lane].maps.subarray(before * area, (before + 1) * area);
    },
    /** Points of a brush stroke, sent a few times a second. */
    paintSoon(points) {
      stroke.push(...points.splice(0));
      waiting ||= setTimeout(p.paintNow, 120);
    },
    paintNow() {
      clearTimeout(waiting);
      waiting = 0;
      if (stroke.length) w.tell({ do: "paint", points: stroke.splice(0), answer: p.brush });
    },
    overlays: [],
    overlay: (context, lane, x, y) => p.overlays.forEach((draw) => draw(context, lane, x, y)),
    /** Hide what the teacher's address says. */
    hideNow() {
      const hide = p.states()[0].hide;
      for (const element of w.root.querySelectorAll("[data-control]")) {
        const gone = hide.includes(element.dataset.control);
        if (gone) element.classList.add("pg-gone");
        else element.classList.remove("pg-gone");
      }
    },
    listeners: {}, // by the "do" of a message
    begin() {
      w.drawing(asked);
      w.tell({ do: "ready" });
    },
  };

  const send = (message) => {
    asking = performance.now();
    last = message;
    w.tell(message);
  };
  // A message may be lost when the connection breaks: ask again, so that playing goes on when it is back.
  const watch = setInterval(() => model.get("playing") && last && performance.now() - asking > 3000 && send(last), 1000);
  w.ending(() => {
    clearInterval(watch);
    clearTimeout(later);
  });

  /** After everything is drawn: ask for the next frame, not more than about 60 times a second. */
  function asked() {
    const frame = frames[0];
    if (!frame || frame.seq === drawn) return;
    drawn = frame.seq;
    const known = frames.map((_, lane) => {
      const { update } = p.history(lane);
      return [update.length, update.at(-1) ?? 0];
    });
    const message = { do: "next", seq: drawn, version: frame.version, known };
    const early = 15 - (performance.now() - asking);
    if (early > 1) later = setTimeout(() => send(message), early);
    else send(message);
    w.root.dataset.frames = String(Number(w.root.dataset.frames || 0) + 1);
  }

  w.watch("msg:custom", (message, buffers) => {
    if (message.do === "frame") take(message, buffers);
    else p.listeners[message.do]?.(message, buffers);
  });

  function take(message, buffers) {
    let at = 0;
    frames.length = 0;
    message.lanes.forEach((lane, number) => {
      const frame = { ...lane, seq: message.seq, version: message.version };
      for (const part of lane.parts) {
        const view = buffers[at++];
        frame[part] = part === "weights" || part === "gradients" || part === "curve" ? floats(view) : bytesOf(view);
      }
      if (frame.mistakes) frame.mistakes = indices(frame.mistakes);
      const history = p.history(number);
      for (const name of ["update", "train", "test"]) history[name].length = Math.min(history[name].length, lane.curve_from);
      for (let row = 0; row + 2 < frame.curve.length; row += 3) {
        history.update.push(frame.curve[row]);
        history.train.push(frame.curve[row + 1]);
        history.test.push(frame.curve[row + 2]);
      }
      frames.push(frame);
    });
    if (looked && !(looked.layer < (frames[looked.lane]?.sizes.length ?? 0))) looked = null;
    tellPause();
    w.redraw();
  }

  /** Epoch and losses, for those who do not see them, once training stands still. */
  function tellPause() {
    const frame = frames[0];
    if (!frame || model.get("playing") || told === frame.updates) return;
    if (told !== null) w.announce(p.say("playground.paused", { epoch: frame.epoch, train: lossText(frame.train), test: lossText(frame.test) }));
    told = frame.updates;
  }

  w.watch("playing", tellPause);
  w.watch("states lane class_names", () => {
    followers.forEach((show) => show());
    p.hideNow();
    w.redraw();
  });
  w.watch("words", () => {
    labels.forEach((show) => show());
    followers.forEach((show) => show());
    p.hideNow();
    w.redraw();
  });
  w.watch("points", () => {
    p.pointsVersion += 1;
    w.redraw();
  });
  w.ending(() => clearTimeout(waiting));
  return p;
}

/** The bytes of a binary trait or message. */
function bytesOf(view) {
  return view instanceof ArrayBuffer ? new Uint8Array(view) : new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

/** Row numbers, sent as little-endian uint32. */
function indices(bytes) {
  return new Uint32Array(bytes.slice().buffer);
}
