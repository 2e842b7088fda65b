// The right side: losses and their curve, the network's answer over the whole square with the data on it, and its colours.

const OUTPUT_SIDE = 100; // dots of the large heat map
const REACH = 6; // the square goes from -6 to 6

function outputView(p, lane) {
  const { w } = p;
  const figure = (key, kind) => {
    const value = node("b", { class: "pg-figure" });
    const made = node("span", { class: `pg-readout pg-${kind}` }, node("span", { class: "pg-key", "aria-hidden": "true" }), words(p, "span", key, { class: "pg-small" }), value);
    return { made, value };
  };
  const train = figure("playground.loss-train", "train");
  const test = figure("playground.loss-test", "test");
  const right = figure("playground.accuracy", "right");
  const chart = lossChart(p, lane);
  const what = node("span", { class: "pg-what" });
  const picture = answerPicture(p, lane, what);
  const legend = node("canvas", { class: "pg-legend", "aria-hidden": "true" });
  const remedy = node("div", { class: "pg-remedy", role: "alert", hidden: "" });
  const ticked = (name, key) => box(p, key, name, { get: () => p.states()[lane]?.[name], set: (on) => p.change({ [name]: on }, lane) });
  const element = node(
    "section",
    { class: "pg-output" },
    node("div", { class: "pg-readouts" }, test.made, train.made, right.made),
    remedy,
    chart,
    node("div", { class: "pg-picture" }, picture, what),
    legend,
    node("div", { class: "pg-ticks-row" }, ticked("show_test", "playground.show-test"), ticked("discretize", "playground.discretize")),
  );
  let told = "";
  let drawn = "";

  function paint() {
    const frame = p.frame(lane);
    if (!frame) return;
    train.value.textContent = lossText(frame.train);
    test.value.textContent = lossText(frame.test);
    right.made.hidden = frame.accuracy === null || frame.accuracy === undefined;
    if (!right.made.hidden) right.value.textContent = `${Math.round(frame.accuracy * 100)} %`;
    const trouble = frame.trouble;
    const mark = JSON.stringify([trouble, w.model.get("lang")]);
    if (mark === told) return;
    told = mark;
    remedy.hidden = !trouble;
    remedy.replaceChildren();
    if (trouble) {
      const what = Object.entries(trouble.remedy).map(([name, value]) => `${p.controlName(name)} = ${plain(value)}`).join(", ");
      const mend = node("button", { type: "button", class: "fofx-button fofx-main" }, p.say("playground.remedy", { what }));
      mend.onclick = () => w.tell({ do: "remedy", lane });
      remedy.append(node("p", {}, trouble.text), mend);
    }
  }

  w.drawing(paint);
  w.drawing(() => {
    const frame = p.frame(lane);
    const state = p.states()[lane];
    if (!frame || !state) return;
    const looked = p.looked(lane);
    const ends = looked ? reachOf(frame, looked) : frame.ends;
    const key = JSON.stringify([legend.clientWidth, w.dark, ends, Boolean(looked), state.discretize, frame.sizes.at(-1), w.model.get("class_names")]);
    if (key !== drawn) paintLegend(p, { state, several: frame.sizes.at(-1) > 1 && !looked, sharpEdge: state.discretize && !looked, ends }, legend);
    drawn = key;
  });
  return { element, picture };
}

/** A loss as the original shows it: three decimals, or few digits when it is large. */
function lossText(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  return value < 100 ? value.toFixed(3) : brief(value, 4);
}

/** Train and test loss over the epochs; the pointer reads them. */
function lossChart(p, lane) {
  const { w } = p;
  let hover = null;
  const made = canvas(
    w,
    () => {
      const frame = p.frame(lane);
      return frame ? p.say("playground.chart-label", { epoch: frame.epoch, train: lossText(frame.train), test: lossText(frame.test) }) : "";
    },
    (context, width, height) => {
      const curve = p.history(lane);
      const ink = w.ink;
      context.strokeStyle = ink.line;
      context.lineWidth = 1;
      context.beginPath();
      context.moveTo(0, height - 0.5);
      context.lineTo(width, height - 0.5);
      context.stroke();
      const count = curve.update.length;
      if (count < 2) return;
      let top = 1e-9;
      for (let at = 0; at < count; at++) {
        if (Number.isFinite(curve.train[at])) top = Math.max(top, curve.train[at]);
        if (Number.isFinite(curve.test[at])) top = Math.max(top, curve.test[at]);
      }
      const x = scale([curve.update[0], curve.update[count - 1]], [1, width - 1]);
      const y = scale([0, top], [height - 2, 12]);
      const every = Math.max(1, Math.floor(count / (width * 2)));
      const line = (values, colour, thick, dash) => {
        context.strokeStyle = colour;
        context.lineWidth = thick;
        context.setLineDash(dash);
        context.lineJoin = "round";
        context.beginPath();
        for (let at = 0; at < count; at += every) if (Number.isFinite(values[at])) context.lineTo(x(curve.update[at]), y(values[at]));
        context.lineTo(x(curve.update[count - 1]), y(values[count - 1]));
        context.stroke();
        context.setLineDash([]);
      };
      line(curve.train, ink.soft, 1.5, [4, 2]);
      line(curve.test, ink.text, 1.75, []);
      context.fillStyle = ink.soft;
      context.font = "11px system-ui, sans-serif";
      context.textBaseline = "top";
      context.fillText(brief(top, 2), 1, 0);
      if (hover === null) return;
      const update = x.back(Math.max(1, Math.min(width - 1, hover)));
      let at = curve.update.findIndex((each) => each >= update - 1e-6);
      if (at < 0) at = count - 1;
      context.strokeStyle = ink.accent;
      context.lineWidth = 1;
      context.beginPath();
      context.moveTo(x(curve.update[at]), 12);
      context.lineTo(x(curve.update[at]), height);
      context.stroke();
      context.fillStyle = ink.text;
      context.textAlign = "right";
      context.fillText(p.say("playground.chart-at", { update: curve.update[at], test: lossText(curve.test[at]), train: lossText(curve.train[at]) }), width - 1, 0);
    },
    (width) => Math.max(56, Math.min(84, width * 0.26)),
  );
  made.classList.add("pg-chart");
  made.dataset.control = "chart";
  hovering(w, made, (spot) => (hover = spot && spot[0]));
  return made;
}

/** The square with the network's answer and the points; a brush paints points on it. */
function answerPicture(p, lane, what) {
  const { w } = p;
  const tile = heatTile(OUTPUT_SIDE);
  const dots = node("canvas"); // the points, drawn anew only when they or the view change
  let drawn = null;
  let cross = null; // where the keyboard's brush stands
  const room = (width) => ({ left: 20, top: 4, size: width - 26 });
  const made = canvas(
    w,
    () => {
      const frame = p.frame(lane);
      return frame ? p.say("playground.picture-label", { test: lossText(frame.test) }) : "";
    },
    (context, width, height) => {
      const frame = p.frame(lane);
      if (!frame) return;
      const { left, top, size } = room(width);
      const x = scale([-REACH, REACH], [left, left + size]);
      const y = scale([-REACH, REACH], [top + size, top]);
      fill(frame);
      context.imageSmoothingEnabled = !p.states()[lane].discretize;
      context.imageSmoothingQuality = "low"; // bilinear
      context.save();
      context.beginPath();
      context.roundRect(left, top, size, size, 4);
      context.clip();
      context.drawImage(tile.canvas, left, top, size, size);
      pointsLayer(context, frame, width, height, x, y);
      if (cross) paintCross(context, x(cross[0]), y(cross[1]));
      p.overlay(context, lane, x, y);
      context.restore();
      context.fillStyle = w.ink.soft;
      context.font = "11px system-ui, sans-serif";
      context.textBaseline = "middle";
      context.textAlign = "right";
      for (const value of [-5, 0, 5]) context.fillText(String(value).replace("-", "−"), left - 5, y(value));
      context.textAlign = "center";
      context.textBaseline = "top";
      for (const value of [-5, 0, 5]) context.fillText(String(value).replace("-", "−"), x(value), top + size + 5);
    },
    (width) => width - 26 + 4 + 20,
  );
  made.classList.add("pg-answer");

  /** The pixels: the neuron that is looked at, else the output. */
  function fill(frame) {
    const looked = p.looked(lane);
    const discrete = p.states()[lane].discretize;
    what.hidden = !looked;
    if (looked) {
      what.textContent = looked.name;
      const large = frame.looked && frame.looked.layer === looked.layer && frame.looked.unit === looked.unit ? frame.lookedMap : null;
      if (large) return tile.paint(large, p.colours());
      const small = p.smallMap(lane, looked);
      if (small) {
        const table = p.colours();
        for (let row = 0; row < OUTPUT_SIDE; row++) {
          const from = Math.floor((row * MAP_SIDE) / OUTPUT_SIDE) * MAP_SIDE;
          for (let column = 0; column < OUTPUT_SIDE; column++) tile.pixels[row * OUTPUT_SIDE + column] = table[small[from + Math.floor((column * MAP_SIDE) / OUTPUT_SIDE)]];
        }
        return tile.flush();
      }
    }
    if (frame.sizes.at(-1) > 1) {
      const area = OUTPUT_SIDE ** 2;
      classPixels(tile.pixels, frame.output.subarray(0, area), frame.output.subarray(area), w.dark, discrete);
      return tile.flush();
    }
    return tile.paint(frame.output, p.colours(discrete));
  }

  function pointsLayer(context, frame, width, height, x, y) {
    const state = p.states()[lane];
    const points = p.points();
    const mistakes = p.showMistakes ? frame.mistakes : null;
    const mark = [p.pointsVersion, width, state.show_test, w.dark, state.problem, state.classes, mistakes ? frame.seq : 0].join();
    const sharp = Math.min(window.devicePixelRatio || 1, 3);
    if (mark !== drawn) {
      drawn = mark;
      dots.width = Math.round(width * sharp);
      dots.height = Math.round(height * sharp);
      const layer = dots.getContext("2d");
      layer.setTransform(sharp, 0, 0, sharp, 0, 0);
      drawPoints(p, layer, points, x, y, { size: width > 220 ? 3.1 : 2.4, test: state.show_test, state });
      if (mistakes) ringMistakes(layer, points, mistakes, x, y, state.show_test);
    }
    context.drawImage(dots, 0, 0, width, height);
  }

  function ringMistakes(layer, points, mistakes, x, y, test) {
    layer.strokeStyle = w.ink.text;
    layer.lineWidth = 1.6;
    for (const row of mistakes) {
      if (points[row * 4 + 3] && !test) continue;
      layer.beginPath();
      layer.arc(x(points[row * 4]), y(points[row * 4 + 1]), 6.5, 0, 2 * Math.PI);
      layer.stroke();
    }
  }

  function paintCross(context, x, y) {
    context.strokeStyle = w.ink.text;
    context.lineWidth = 1.5;
    context.beginPath();
    for (const [across, down] of [[8, 0], [0, 8]]) {
      context.moveTo(x - across, y - down);
      context.lineTo(x + across, y + down);
    }
    context.stroke();
  }

  const placeOf = (x, y) => {
    const { left, top, size } = room(made.clientWidth);
    const inside = [((x - left) / size) * 2 * REACH - REACH, REACH - ((y - top) / size) * 2 * REACH];
    return inside.every((value) => Math.abs(value) <= REACH) ? inside.map((value) => Math.round(value * 100) / 100) : null;
  };
  let stroke = [];
  let last = null;
  const dab = (x, y) => {
    const spot = placeOf(x, y);
    if (!spot || (last && Math.hypot(x - last[0], y - last[1]) < 11)) return;
    last = [x, y];
    stroke.push(spot);
    p.paintSoon(stroke);
  };
  drag(w, made, {
    begin: (x, y) => {
      if (p.brush === null) return false;
      last = null;
      stroke = [];
      dab(x, y);
    },
    move: dab,
    end: () => p.paintNow(),
  });
  made.style.touchAction = "auto";
  p.follow(() => {
    made.style.touchAction = p.brush === null ? "auto" : "none";
    made.classList.toggle("pg-brush", p.brush !== null);
  });
  w.on(made, "keydown", (event) => {
    if (p.brush === null) return;
    const way = { ArrowLeft: [-0.25, 0], ArrowRight: [0.25, 0], ArrowUp: [0, 0.25], ArrowDown: [0, -0.25] }[event.key];
    if (way) cross = (cross ?? [0, 0]).map((value, axis) => Math.max(-REACH, Math.min(REACH, value + way[axis])));
    else if (event.key === " " || event.key === "Enter") {
      cross ??= [0, 0];
      p.paintSoon([[...cross]]);
      p.paintNow();
    } else return;
    event.preventDefault();
    w.redraw();
  });
  w.on(made, "blur", () => {
    cross = null;
    w.redraw();
  });
  return made;
}

/** Points in their colour and, for classes, their form; test points have a dark edge. */
function drawPoints(p, context, points, x, y, { size, test, state }) {
  const dark = p.w.dark;
  const two = state.problem === "classification" && state.classes === 2;
  for (let at = 0; at < points.length; at += 4) {
    const [across, up, value, part] = points.subarray(at, at + 4);
    const answer = state.problem === "regression" ? value : Math.round(value); // while the points of another problem are still there
    if (part && !test) continue;
    context.lineWidth = part ? 1.4 : 1;
    context.strokeStyle = part ? (dark ? "#f4f2ef" : "#22201d") : dark ? "#1c1b1a" : "#ffffff";
    if (state.problem === "regression") context.fillStyle = inkOf(dark, answer, 0.1);
    else context.fillStyle = two ? pairColour(answer) : classColour(answer);
    mark(context, state.problem === "regression" ? 0 : two ? 1 - answer : answer, x(across), y(up), size);
  }
}

/** The two classes wear the ends of the scale: the second, aimed at +1, is orange and round, the first blue and square. */
function pairColour(answer) {
  return answer > 0 ? "#f59322" : "#0877bd";
}

/** What the ends of the colours stand for at the unit that is looked at. */
function reachOf(frame, looked) {
  if (looked.layer === frame.sizes.length - 1) return frame.ends;
  const reach = frame.looked?.layer === looked.layer && frame.looked.unit === looked.unit ? frame.looked.reach : 1;
  return [-reach, reach];
}

function paintLegend(p, { state, several, sharpEdge, ends }, made) {
  const { w } = p;
  const width = Math.max(made.clientWidth, 1);
  const height = 34;
  const sharp = Math.min(window.devicePixelRatio || 1, 3);
  made.width = Math.round(width * sharp);
  made.height = height * sharp;
  made.style.height = `${height}px`;
  const context = made.getContext("2d");
  context.setTransform(sharp, 0, 0, sharp, 0, 0);
  context.font = '11px system-ui, -apple-system, "Noto Sans CJK SC", "PingFang SC", sans-serif';
  context.fillStyle = w.ink.soft;
  const [left, size] = [20, width - 26];
  if (several) {
    const each = size / state.classes;
    for (let number = 0; number < state.classes; number++) {
      context.fillStyle = classColour(number);
      context.strokeStyle = w.ink.back;
      mark(context, number, left + each * number + 6, 12, 5);
      context.fillStyle = w.ink.soft;
      context.textBaseline = "middle";
      context.fillText(p.className(number), left + each * number + 15, 12, each - 17);
    }
    return;
  }
  const bar = context.createLinearGradient(left, 0, left + size, 0);
  for (let step = 0; step <= 20; step++) {
    let value = step / 10 - 1;
    if (sharpEdge) value = step < 10 ? -0.8 : 0.8;
    const [red, green, blue] = diverging(value, w.dark);
    bar.addColorStop(step / 20, `rgb(${red},${green},${blue})`);
  }
  context.fillStyle = bar;
  context.beginPath();
  context.roundRect(left, 2, size, 9, 4);
  context.fill();
  context.fillStyle = w.ink.soft;
  context.textBaseline = "top";
  [ends[0], (ends[0] + ends[1]) / 2, ends[1]].forEach((value, number) => {
    context.textAlign = ["left", "center", "right"][number];
    context.fillText(brief(value).replace("-", "−"), left + (size * number) / 2, 16);
  });
}
