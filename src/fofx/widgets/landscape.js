// The surface as small four-cornered faces, painted from the farthest to the nearest; from above as a map with lines of equal
// loss; over one weight as a curve. Only places are worked out here, never a loss.

export default {
  render({ model, el }) {
    const w = widget(model, el, "landscape");
    const home = { yaw: -0.6, pitch: 0.65, zoom: 1 };
    let turn = { yaw: model.get("yaw"), pitch: model.get("pitch"), zoom: 1 };
    let d = { x: [], y: [], heights: [], path: [] };
    let facts = {};
    let hovered = null; // [column, row] of the grid
    let asked = false;

    function load() {
      const read = (name) => floats(model.get(name));
      const next = { x: read("x"), y: read("y"), heights: read("heights"), path: read("path") };
      if (next.heights.length !== next.x.length * Math.max(1, next.y.length)) return; // the rest is still on its way
      d = next;
      facts = model.get("facts");
      hovered = null;
      asked = false;
      show();
      w.redraw();
    }

    // ---- scales

    const flat = () => d.y.length === 0 && d.x.length > 0;
    const count = () => d.path.length / 3;
    const here = () => (model.get("at") < 0 ? count() - 1 : Math.min(model.get("at"), count() - 1));
    const way = (at) => [d.path[at * 3], d.path[at * 3 + 1], d.path[at * 3 + 2]];
    const lift = (loss) => (model.get("logarithmic") ? Math.log10(Math.max(loss, 1e-30)) : loss);
    /** 0 for the lowest loss, 1 for the highest. */
    const level = (loss) => {
      const [low, high] = [lift(facts.low), lift(facts.high)];
      return (lift(loss) - low) / (high - low || 1);
    };
    const colour = heightColour;
    const css = (share, light) => `rgb(${colour(share, light).join(",")})`;
    const across = (value) => ((value - d.x[0]) / (d.x[d.x.length - 1] - d.x[0])) * 2 - 1;
    const along = (value) => ((value - d.y[0]) / (d.y[d.y.length - 1] - d.y[0])) * 2 - 1;

    const axisName = (number) => {
      const kind = { path: ["landscape.axis.path1", "landscape.axis.path2"], random: ["landscape.axis.random1", "landscape.axis.random2"] }[facts.kind];
      return kind ? w.say(kind[number]) : facts.axes?.[number] ?? "";
    };

    // ---- the surface

    /** Where a point of the box (x and y in -1..1, height in 0..1) stands on the page. */
    function eye(width, height) {
      const [cos, sin, up, tilt] = [Math.cos(turn.yaw), Math.sin(turn.yaw), Math.cos(turn.pitch), Math.sin(turn.pitch)];
      const size = Math.min((width - 60) / 2.9, (height - 70) / (2.6 * tilt + 1.25 * up)) * 1.06 * turn.zoom; // the whole box fits, however it is turned
      const see = (x, y, z) => [width / 2 + (x * cos - y * sin) * size, height / 2 - 6 - ((x * sin + y * cos) * tilt + (z - 0.5) * 1.25 * up) * size];
      see.deep = (x, y) => x * sin + y * cos;
      return see;
    }

    function surface(context, width, height) {
      const see = eye(width, height);
      const [columns, rows] = [d.x.length, d.y.length];
      const spots = Array.from(d.heights, (loss, place) => see(across(d.x[place % columns]), along(d.y[Math.floor(place / columns)]), Number.isFinite(loss) ? Math.min(1, level(loss)) : 0));
      floor(context, see);
      const order = (size, from) => Array.from({ length: size - 1 }, (_, place) => (from ? place : size - 2 - place));
      const columnOrder = order(columns, Math.sin(turn.yaw) < 0);
      const rowOrder = order(rows, Math.cos(turn.yaw) < 0);
      context.lineWidth = 0.6;
      for (const row of rowOrder) {
        for (const column of columnOrder) {
          const place = row * columns + column;
          const corners = [place, place + 1, place + columns + 1, place + columns];
          if (!corners.every((corner) => Number.isFinite(d.heights[corner]))) continue;
          const levels = corners.map((corner) => Math.min(1, level(d.heights[corner])));
          const slope = levels[1] + levels[2] - levels[0] - levels[3];
          const fill = css((levels[0] + levels[1] + levels[2] + levels[3]) / 4, Math.max(0.72, Math.min(1.12, 0.96 + slope * 1.2)));
          context.fillStyle = fill;
          context.strokeStyle = fill;
          context.beginPath();
          corners.forEach((corner) => context.lineTo(...spots[corner]));
          context.closePath();
          context.fill();
          context.stroke();
        }
      }
      context.strokeStyle = "rgba(255,255,255,0.25)"; // every fourth line of the grid, so that the form can be read
      for (const [size, other, at] of [[rows, columns, (line, step) => line * columns + step], [columns, rows, (line, step) => step * columns + line]]) {
        for (let line = 0; line < size; line += Math.max(2, Math.round(size / 12))) {
          context.beginPath();
          for (let step = 0; step < other; step++) if (Number.isFinite(d.heights[at(line, step)])) context.lineTo(...spots[at(line, step)]);
          context.stroke();
        }
      }
      const spot = (x, y, loss) => see(across(x), along(y), Math.max(0, Math.min(1.15, level(loss))));
      walk(context, spot);
      kept(context, spot(...facts.centre, facts.centre_loss));
      if (hovered) dot(context, spots[hovered[1] * columns + hovered[0]], 5, w.ink.text);
      return spots;
    }

    /** The box's ground with the names and ends of both axes, on the sides that are in front. */
    function floor(context, see) {
      context.strokeStyle = w.ink.line;
      context.fillStyle = w.ink.soft;
      context.lineWidth = 1;
      context.beginPath();
      [[-1, -1], [1, -1], [1, 1], [-1, 1]].forEach(([x, y]) => context.lineTo(...see(x, y, 0)));
      context.closePath();
      context.stroke();
      context.textAlign = "center";
      context.textBaseline = "top";
      const front = (one, other) => (see.deep(...one) < see.deep(...other) ? one : other);
      const label = (text, x, y, out = 1.12) => {
        const [left, top] = see(x * out, y * out, 0);
        context.fillText(text, left, top);
      };
      const [, sideY] = front([0, -1], [0, 1]);
      const [sideX] = front([-1, 0], [1, 0]);
      const last = (values) => values[values.length - 1];
      [[-1, d.x[0]], [1, last(d.x)]].forEach(([x, value]) => label(brief(value), x * 0.8, sideY));
      label(shorten(axisName(0)), 0, sideY, 1.22);
      [[-1, d.y[0]], [1, last(d.y)]].forEach(([y, value]) => label(brief(value), sideX, y * 0.8));
      label(shorten(axisName(1)), sideX, 0, 1.22);
    }
    const shorten = (text) => (text.length > 26 ? `…${text.slice(-24)}` : text);

    const dot = (context, spot, size, fill) => roundDot(context, spot, size, fill, w.ink.back);

    /** The path up to the point that is looked at in full, the rest thin; `spot(x, y, loss)` is a place on the page. */
    function walk(context, spot) {
      if (!count()) return;
      const spots = Array.from({ length: count() }, (_, at) => spot(...way(at)));
      const piece = (from, to, wide, style) => {
        context.beginPath();
        for (let at = from; at <= to; at++) if (Number.isFinite(spots[at][0] + spots[at][1])) context.lineTo(...spots[at]);
        context.lineWidth = wide;
        context.strokeStyle = style;
        context.lineJoin = "round";
        context.stroke();
      };
      piece(here(), count() - 1, 1.5, "rgba(213,94,0,0.6)");
      piece(0, here(), 5, "rgba(255,255,255,0.85)");
      piece(0, here(), 2.6, "#d55e00");
      if (count() <= 80) spots.slice(0, here() + 1).forEach((each) => dot(context, each, 2.6, "#d55e00"));
      dot(context, spots[0], 5, "#ffffff");
      dot(context, spots[here()], 7, "#d55e00");
      context.fillStyle = w.ink.text;
      context.textAlign = "center";
      context.textBaseline = "bottom";
      context.strokeStyle = w.ink.back;
      context.lineWidth = 3;
      for (const [at, key] of [[0, "landscape.begin"], [here(), here() === count() - 1 ? "landscape.end" : null]]) {
        if (!key || (at === 0 && here() === 0)) continue;
        context.strokeText(w.say(key), spots[at][0], spots[at][1] - 9);
        context.fillText(w.say(key), spots[at][0], spots[at][1] - 9);
      }
    }

    /** The weights that a run kept: its best on validation, which need not be the last. */
    function kept(context, [x, y]) {
      if (model.get("subject") !== "run") return;
      context.fillStyle = "#ffffff";
      context.strokeStyle = "#22201d";
      context.lineWidth = 2;
      mark(context, 5, x, y, 7);
      context.textAlign = "left";
      context.textBaseline = "middle";
      context.fillStyle = w.ink.text;
      context.strokeStyle = w.ink.back;
      context.lineWidth = 3;
      context.strokeText(w.say("landscape.kept"), x + 13, y + 8);
      context.fillText(w.say("landscape.kept"), x + 13, y + 8);
    }

    // ---- from above, and over one weight

    const frame = (width, height) => ({ x: scale([d.x[0], d.x[d.x.length - 1]], [54, width - 14]), bottom: height - 36, top: 24 });

    function above(context, width, height) {
      const { x, bottom, top } = frame(width, height);
      const y = scale([d.y[0], d.y[d.y.length - 1]], [bottom, top]);
      const [columns, rows] = [d.x.length, d.y.length];
      const back = w.dark ? [41, 39, 37] : [245, 243, 240];
      const upside = Array.from(d.heights, (_, place) => d.heights[(rows - 1 - Math.floor(place / columns)) * columns + (place % columns)]);
      const image = picture(upside, columns, rows, (loss) => (Number.isFinite(loss) ? colour(level(loss)) : back));
      const halfX = (x(d.x[1]) - x(d.x[0])) / 2;
      const halfY = (y(d.y[0]) - y(d.y[1])) / 2;
      context.save();
      context.beginPath();
      context.rect(54, top, width - 68, bottom - top);
      context.clip();
      context.imageSmoothingEnabled = true;
      context.drawImage(image, 54 - halfX, top - halfY, width - 68 + 2 * halfX, bottom - top + 2 * halfY);
      context.strokeStyle = "rgba(255,255,255,0.55)";
      context.lineWidth = 1;
      for (let line = 1; line < 12; line++) contourLine(context, d, level, line / 12, x, y);
      walk(context, (px, py) => [x(px), y(py)]);
      kept(context, [x(facts.centre[0]), y(facts.centre[1])]);
      context.restore();
      axes(context, w, x, y, [axisName(0), axisName(1)]);
      if (hovered) dot(context, [x(d.x[hovered[0]]), y(d.y[hovered[1]])], 4, w.ink.text);
    }

    function curve(context, width, height) {
      const { x, bottom, top } = frame(width, height);
      const y = scale([0, 1], [bottom, top]);
      const marks = scale([lift(facts.low), lift(facts.high)], [bottom, top]);
      axes(context, w, x, marks, [axisName(0), (model.get("logarithmic") ? "log10 " : "") + w.say("landscape.loss")]);
      context.strokeStyle = w.ink.accent;
      context.lineWidth = 2.5;
      context.beginPath();
      d.x.forEach((value, at) => Number.isFinite(d.heights[at]) && context.lineTo(x(value), y(level(d.heights[at]))));
      context.stroke();
      // The path's other points differ in all weights, so they lie on no curve: only where this weight was is shown, on the ground.
      walk(context, (px) => [x(px), bottom - 8]);
      kept(context, [x(facts.centre[0]), y(level(facts.centre_loss))]);
      if (hovered) dot(context, [x(d.x[hovered[0]]), y(level(d.heights[hovered[0]]))], 4, w.ink.text);
    }

    const plot = canvas(w, () => w.say("landscape.label", { low: brief(facts.low), high: brief(facts.high), first: axisName(0), second: axisName(1), count: count() }), (context, width, height) => {
      if (!d.x.length || facts.low == null) return;
      if (flat()) curve(context, width, height);
      else if (model.get("view") === "surface") plot.spots = surface(context, width, height);
      else above(context, width, height);
    }, (width) => Math.max(300, Math.min(560, width * 0.5)));

    // ---- turning, walking, looking

    const turned = () => !flat() && model.get("view") === "surface";
    const rotate = (yaw, pitch) => {
      turn = { ...turn, yaw: turn.yaw + yaw, pitch: Math.max(0.08, Math.min(1.5, turn.pitch + pitch)) };
      w.redraw();
    };
    const settle = () => w.set({ yaw: turn.yaw, pitch: turn.pitch });
    let held = null;
    drag(w, plot, {
      begin: (x, y) => (turned() ? ((held = [x, y]), true) : false),
      move(x, y) {
        rotate((x - held[0]) * 0.009, (y - held[1]) * 0.007);
        held = [x, y];
      },
      end: settle,
    });
    plot.style.touchAction = "pan-y";
    const step = (by) => w.set({ at: Math.max(0, Math.min(count() - 1, here() + by)) });
    w.on(plot, "keydown", (event) => {
      const arrows = { ArrowLeft: [-0.12, 0], ArrowRight: [0.12, 0], ArrowUp: [0, -0.1], ArrowDown: [0, 0.1] }[event.key];
      if (turned() && arrows) rotate(...arrows);
      else if (turned() && (event.key === "+" || event.key === "=")) turn.zoom = Math.min(4, turn.zoom * 1.15);
      else if (turned() && event.key === "-") turn.zoom = Math.max(0.4, turn.zoom / 1.15);
      else if (turned() && event.key === "Home") turn = { ...home };
      else if (!turned() && arrows && count()) step(Math.sign(arrows[0] || arrows[1]));
      else return;
      event.preventDefault();
      settle();
      w.redraw();
    });
    w.on(plot, "wheel", (event) => {
      if (!turned() || !event.ctrlKey) return; // a page must still scroll
      event.preventDefault();
      turn.zoom = Math.max(0.4, Math.min(4, turn.zoom * Math.exp(-event.deltaY / 300)));
      w.redraw();
    }, { passive: false });
    w.on(plot, "pointermove", (event) => {
      if (event.buttons || !d.x.length) return;
      const [px, py] = place(event, plot);
      const nearest = (values, at) => values.reduce((best, value, number) => (Math.abs(at(value) - 0) < Math.abs(at(values[best]) - 0) ? number : best), 0);
      if (turned()) {
        const columns = d.x.length;
        let [best, far] = [null, 400];
        (plot.spots ?? []).forEach(([x, y], number) => {
          const apart = (x - px) ** 2 + (y - py) ** 2;
          if (apart < far && Number.isFinite(d.heights[number])) [best, far] = [number, apart];
        });
        hovered = best === null ? null : [best % columns, Math.floor(best / columns)];
      } else {
        const { x, bottom, top } = frame(plot.clientWidth, plot.clientHeight);
        const y = flat() ? null : scale([d.y[0], d.y[d.y.length - 1]], [bottom, top]);
        hovered = [nearest(d.x, (value) => x(value) - px), flat() ? 0 : nearest(d.y, (value) => y(value) - py)];
      }
      tellPlace();
      w.redraw();
    });
    w.on(plot, "pointerleave", () => {
      hovered = null;
      tellPlace();
      w.redraw();
    });

    // ---- controls

    const title = node("h3");
    const about = node("p", { class: "fofx-soft" });
    const notes = node("div");
    const spoken = node("p", { class: "land-place" });
    const hint = node("p", { class: "fofx-soft" });
    const waiting = node("p", { role: "status" });
    const pick = (key, trait, options, set) => choice(w, { key, options, get: () => model.get(trait), set: set ?? ((value) => w.set({ [trait]: value })) });
    const slide = (key, min, max, stepSize, get, set, show = (value) => brief(value)) => slider(w, { key, min, max, step: stepSize, get, set, show });
    const view = pick("landscape.view", "view", [["surface", "landscape.surface"], ["contour", "landscape.contour"]]);
    const log = tick(w, { key: "landscape.log", get: () => model.get("logarithmic"), set: (value) => w.set({ logarithmic: value }) });
    const walkBar = slide("landscape.walk", 0, 1, 1, () => Math.max(0, here()), (value) => w.set({ at: value }), (value) => String(facts.steps?.[value] ?? value));
    const line = node("div", { class: "fofx-row" },
      pick("landscape.loss", "loss", [["mae", "landscape.mae"], ["mse", "landscape.mse"]]),
      slide("landscape.start_w", -4, 8, 0.1, () => model.get("start")[0], (value) => w.set({ start: [value, model.get("start")[1]] })),
      slide("landscape.start_b", -6, 8, 0.1, () => model.get("start")[1], (value) => w.set({ start: [model.get("start")[0], value] })),
      slide("landscape.rate", 0.001, 0.2, 0.001, () => model.get("rate"), (value) => w.set({ rate: value })),
      slide("landscape.steps", 0, 200, 1, () => model.get("steps"), (value) => w.set({ steps: value })));
    const directions = pick("landscape.directions", "directions", ["auto", "path", "random", "weights"].map((way) => [way, { auto: "landscape.directions.auto", path: "landscape.directions.path", random: "landscape.directions.random", weights: "landscape.directions.weights" }[way]]), (value) => {
      w.set({ directions: value });
      show();
      if (value !== "weights") ask();
    });
    const seed = slide("landscape.seed", 0, 20, 1, () => model.get("seed"), (value) => w.set({ seed: value }));
    const seconds = slide("landscape.seconds", 1, 30, 1, () => model.get("seconds"), (value) => w.set({ seconds: value }));
    const again = button(w, "landscape.measure", ask);
    let two = model.get("picked").length !== 1;
    const both = tick(w, { key: "landscape.two", get: () => two, set: (value) => { two = value; show(); } });
    const pickers = ["landscape.first", "landscape.second"].map((key, number) => {
      const names = model.get("parameters");
      const given = model.get("picked")[number] ?? [names[names.length - (number && names.length > 1 ? 2 : 1)]?.[0], null];
      let chosen = given[0];
      const shape = () => names.find(([name]) => name === chosen)?.[1] ?? [];
      const fields = node("span");
      const fill = (values) => fields.replaceChildren(...shape().map((size, place) => node("input", { type: "number", min: 0, max: size - 1, value: values?.[place] ?? 0, "aria-label": w.say("landscape.index", { number: place + 1 }) })));
      const list = choice(w, { key, options: names.map(([name]) => [name, name]), get: () => chosen, set: (name) => { chosen = name; fill(); } });
      fill(given[1]);
      const made = node("div", { class: "fofx-row land-pick" }, list, fields);
      made.value = () => [chosen, [...fields.children].map((field) => Number(field.value))];
      return made;
    });
    const weights = node("div", {}, pickers, both);
    const run = node("div", {}, node("div", { class: "fofx-row" }, directions, seed, seconds, again), weights);
    w.root.append(title, about, notes, line, run, waiting, plot, spoken, node("div", { class: "fofx-row" }, walkBar, view, log), hint);

    function ask() {
      if (model.get("subject") !== "run" || asked) return;
      asked = true;
      waiting.textContent = w.say("landscape.measuring", { seconds: brief(model.get("seconds")) });
      const content = { do: "measure", directions: model.get("directions"), seed: model.get("seed"), seconds: model.get("seconds") };
      if (content.directions === "weights") content.picked = (two ? pickers : pickers.slice(0, 1)).map((picker) => picker.value());
      w.tell(content);
    }

    function tellPlace() {
      const names = { first: axisName(0), second: axisName(1) };
      if (hovered && d.x.length) {
        const loss = d.heights[hovered[1] * d.x.length + hovered[0]];
        spoken.textContent = w.say("landscape.point", { ...names, x: brief(d.x[hovered[0]]), y: flat() ? "–" : brief(d.y[hovered[1]]), loss: brief(loss, 4) });
      } else if (count()) {
        const [x, y, loss] = way(here());
        spoken.textContent = w.say(flat() ? "landscape.here_one" : "landscape.here", { ...names, step: facts.steps?.[here()] ?? here(), x: brief(x), y: brief(y), loss: brief(loss, 4) });
      } else spoken.textContent = "\u00a0";
    }

    function show() {
      const ofRun = model.get("subject") === "run";
      title.textContent = w.say(ofRun ? "landscape.title.run" : "landscape.title.line");
      const part = { train: "landscape.part.train", validation: "landscape.part.validation", test: "landscape.part.test" }[facts.part];
      const values = { ...facts, part: part ? w.say(part) : "" };
      about.textContent = !ofRun ? w.say("landscape.about.line") : facts.kind ? w.say(count() ? "landscape.about.run" : "landscape.plain.run", values) : "";
      const lines = [...(facts.notices ?? [])];
      if (facts.explained) lines.push(w.say("landscape.explained", { share: brief(100 * (facts.explained[0] + facts.explained[1])) }));
      if (ofRun && count()) lines.push(w.say("landscape.off"));
      notes.replaceChildren(...lines.map((text) => node("p", { class: "fofx-soft" }, text)));
      line.hidden = ofRun;
      run.hidden = !ofRun;
      weights.hidden = model.get("directions") !== "weights";
      seed.hidden = model.get("directions") !== "random";
      pickers[1].hidden = !two;
      waiting.textContent = asked ? w.say("landscape.measuring", { seconds: brief(model.get("seconds")) }) : "";
      walkBar.hidden = count() < 2;
      walkBar.querySelector("input").max = Math.max(1, count() - 1);
      view.hidden = flat();
      hint.hidden = !turned();
      hint.textContent = w.say("landscape.hint");
      for (const control of [view, log, walkBar, directions]) control.update();
      tellPlace();
    }

    w.watch("x y heights path facts", load);
    w.watch("at view words directions logarithmic", () => { show(); w.redraw(); });
    w.watch("yaw pitch", () => {
      if (!held) turn = { ...turn, yaw: model.get("yaw"), pitch: model.get("pitch") };
      w.redraw();
    });
    w.watch("trouble", () => { asked = false; show(); });
    load();
    show();
    if (model.get("subject") === "run" && !facts.kind) ask();
    return w.done;
  },
};
