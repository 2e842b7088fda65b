// The picture of the network (neurons as boxes with their curves, weights as lines), and its formula.

/** A canvas on which every neuron is a box with its curve; clicking one chooses it. */
function neuronNetwork(w, s, curve, hue) {
  let boxes = [];
  const place = (width, height) => {
    const { first, second, stage } = s.state;
    const columns = [[["x", 0, 0]], first.map((_, unit) => ["a", 1, unit])];
    if (stage === "two") columns.push(second.map((_, unit) => ["a", 2, unit]));
    if (stage !== "one") columns.push([["sum", 0, 0]]);
    const most = Math.max(...columns.map((column) => column.length));
    const size = Math.min(58, (height - 14) / most - 6, (width - 20) / columns.length - 26);
    const gap = (width - columns.length * size) / columns.length;
    boxes = columns.flatMap((column, at) => column.map((name, row) => ({ name, column: at, x: gap / 2 + at * (size + gap), y: height / 2 + (row - (column.length - 1) / 2) * (size + 6) - size / 2, size })));
  };
  const weights = () => {
    const { first, second, out, stage } = s.state;
    const find = (kind, layer, unit) => boxes.find(({ name }) => name[0] === kind && name[1] === layer && name[2] === unit);
    const found = first.map(([weight], unit) => [boxes[0], find("a", 1, unit), weight]);
    if (stage === "two") second.forEach(([row], unit) => row.forEach((weight, source) => found.push([find("a", 1, source), find("a", 2, unit), weight])));
    if (stage !== "one") out.forEach((weight, source) => found.push([find("a", stage === "two" ? 2 : 1, source), boxes.at(-1), weight]));
    return found;
  };
  const made = canvas(
    w,
    "neuron.network",
    (context, width, height) => {
      const { ink } = w;
      place(width, height);
      for (const [from, to, weight] of weights()) {
        const [x1, y1, x2, y2] = [from.x + from.size, from.y + from.size / 2, to.x, to.y + to.size / 2];
        context.strokeStyle = glass(weight >= 0 ? ink.plus : ink.minus, weight === 0 ? 0.15 : 0.85);
        context.lineWidth = Math.min(7, 0.6 + Math.abs(weight) * 1.6);
        context.beginPath();
        context.moveTo(x1, y1);
        context.bezierCurveTo((x1 + x2) / 2, y1, (x1 + x2) / 2, y2, x2, y2);
        context.stroke();
      }
      const [layer, unit] = s.view().chosen;
      for (const box of boxes) {
        const [kind, level, number] = box.name;
        const chosen = (kind === "a" && level === layer && number === unit) || (kind === "sum" && layer === 3);
        context.fillStyle = ink.back;
        context.strokeStyle = chosen ? ink.accent : ink.line;
        context.lineWidth = chosen ? 3 : 1.2;
        context.beginPath();
        context.roundRect(box.x, box.y, box.size, box.size, 8);
        context.fill();
        context.stroke();
        if (kind === "x") {
          context.fillStyle = ink.text;
          context.font = "italic 18px Georgia, serif";
          context.textAlign = "center";
          context.textBaseline = "middle";
          context.fillText("x", box.x + box.size / 2, box.y + box.size / 2);
          continue;
        }
        const values = curve(kind, level, number);
        context.save();
        context.clip();
        context.strokeStyle = ink.line;
        context.lineWidth = 0.8;
        context.beginPath();
        context.moveTo(box.x, box.y + box.size / 2);
        context.lineTo(box.x + box.size, box.y + box.size / 2);
        context.stroke();
        context.strokeStyle = kind === "sum" ? ink.text : hue(level, number);
        context.lineWidth = 2;
        context.beginPath();
        for (let at = 0; at < values.length; at += 4) context.lineTo(box.x + (at / (values.length - 1)) * box.size, box.y + box.size / 2 - (values[at] / 3) * box.size * 0.5);
        context.stroke();
        context.restore();
      }
    },
    (width) => Math.min(width * 0.62, 66 * Math.max(3, s.state.first.length, s.state.second.length)),
  );
  const choose = (box) => box && box.name[0] !== "x" && s.set({ chosen: box.name[0] === "sum" ? [3, 0] : [box.name[1], box.name[2]] });
  w.on(made, "click", (event) => {
    const [px, py] = [event.offsetX, event.offsetY];
    choose(boxes.find((box) => px >= box.x - 4 && px <= box.x + box.size + 4 && py >= box.y - 4 && py <= box.y + box.size + 4));
  });
  w.on(made, "keydown", (event) => {
    const by = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
    if (!by) return;
    event.preventDefault();
    const all = boxes.filter((box) => box.name[0] !== "x");
    const [layer, unit] = s.view().chosen;
    const at = all.findIndex((box) => (layer === 3 ? box.name[0] === "sum" : box.name[1] === layer && box.name[2] === unit));
    choose(all[(at + by + all.length) % all.length]);
  });
  return made;
}

/** The formula with its numbers: a sum of neurons, or matrices for layers. */
function neuronFormula(w, s) {
  const made = node("div", { class: "study-formula neuron-formula" });
  const number = (value) => figure(value, 2);
  const signed = (value, first) => (first ? number(value) : value < 0 ? ` − ${number(-value)}` : ` + ${number(value)}`);
  const matrix = (rows) => node("span", { class: "neuron-matrix", style: `grid-template-columns:repeat(${rows[0].length}, auto)` }, rows.flat().map((value) => node("span", {}, number(value))));
  const NAMES = { relu: "ReLU", sigmoid: "σ", tanh: "tanh", linear: "" };
  s.shows(() => {
    const { stage, first, second, out, bias, activation } = s.state;
    const f = NAMES[activation];
    const inner = ([weight, b], unit) => node("span", { class: "neuron-term", "data-unit": unit }, `${f}(${number(weight)} x${signed(b)})`);
    const line = (...parts) => node("div", {}, parts.flat(9));
    const x = node("i", {}, "x");
    if (stage === "one") made.replaceChildren(line(node("i", {}, "y"), " = ", inner(first[0], 0)));
    else if (stage === "sum") made.replaceChildren(line(node("i", {}, "y"), " = ", first.flatMap((each, unit) => [signed(out[unit], unit === 0), " · ", inner(each, unit)]), bias ? signed(bias) : ""));
    else {
      const W1 = [matrix(first.map(([weight]) => [weight])), x, " + ", matrix(first.map(([, b]) => [b]))];
      const hidden = stage === "layer" ? [`${f}(`, W1, ")"] : [`${f}(`, matrix(second.map(([row]) => row)), ` ${f}(`, W1, ") + ", matrix(second.map(([, b]) => [b])), ")"];
      made.replaceChildren(
        line(node("i", {}, "y"), " = ", stage === "layer" ? w.say("neuron.formula.layer") : w.say("neuron.formula.two")),
        line(" = ", matrix([out]), " ", hidden.flat(9), bias ? signed(bias) : ""),
      );
    }
  });
  return made;
}
