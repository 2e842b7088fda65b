// The two charts of the walk: L over w and b (or over w alone), and L after every step. Joined before line.js.

/** L over w and b as a surface with contour lines, or over w as a curve; dragging moves the start of the walk. */
function lineLoss(w, s, stop) {
  const of = (key) => s.view()[key];
  const pair = () => s.state.vary === "both";
  const surface = canvas(w, () => w.say(pair() ? "line.surface" : "line.curve"), paintLoss, (width) => (width < 500 ? width * 0.8 : width * 0.66));
  // ---- the right chart: L over w and b, or over w alone
  let u, v;
  let drawn = { key: "" };
  const hill = () => (w.dark ? ["#d9e4f2", "#1d2735"] : ["#fdfeff", "#7797c6"]); // valley, height
  function paintLoss(context, width, height) {
    if (pair()) paintSurface(context, width, height);
    else paintCurve(context, width, height);
  }
  function paintSurface(context, width, height) {
    const { window: range, path, lowest, next, here, levels } = s.view();
    const { ink } = w;
    u = scale(range.w, [40, width - 12]);
    v = scale(range.b, [height - 38, 22]);
    const bytes = w.model.get("surface");
    if (!bytes.byteLength) return;
    const key = `${w.dark} ${levels[0]} ${range.w} ${range.b} ${s.state.loss} ${s.state.points}`;
    if (drawn.key !== key || drawn.bytes !== bytes) {
      const values = floats(bytes);
      const side = Math.round(Math.sqrt(values.length));
      let [low, high] = [Infinity, -Infinity];
      values.forEach((value) => ([low, high] = [Math.min(low, value), Math.max(high, value)]));
      const [valley, height] = hill();
      const colours = Array.from({ length: 256 }, (_, part) => between(valley, height, (part / 255) ** 0.8));
      const image = picture(values, side, side, (value) => colours[Math.round(255 * Math.sqrt((value - low) / (high - low || 1)))]);
      drawn = { key, bytes, image, side, lines: levels.map((level) => contour(values, side, side, level)) };
    }
    const [left, top, wide, tall] = [u(range.w[0]), v(range.b[1]), u(range.w[1]) - u(range.w[0]), v(range.b[0]) - v(range.b[1])];
    const { side } = drawn;
    context.imageSmoothingEnabled = true;
    context.imageSmoothingQuality = "high";
    context.save();
    context.beginPath();
    context.rect(left, top, wide, tall);
    context.clip();
    const [dot, row] = [wide / (side - 1), tall / (side - 1)]; // grid points lie on the edges
    context.drawImage(drawn.image, left - dot / 2, top - row / 2, wide + dot, tall + row);
    context.strokeStyle = glass(w.dark ? "#0c1118" : "#2c4a74", 0.35);
    context.lineWidth = 1;
    context.beginPath();
    for (const lines of drawn.lines)
      for (const [x1, y1, x2, y2] of lines) {
        context.moveTo(left + x1 * dot, top + y1 * row);
        context.lineTo(left + x2 * dot, top + y2 * row);
      }
    context.stroke();
    const dark = w.dark ? "#10151c" : "#22201d";
    if (lowest) {
      context.fillStyle = "#009E73";
      context.strokeStyle = "#ffffff";
      context.lineWidth = 1.2;
      mark(context, 5, u(lowest.w), v(lowest.b), 8);
    }
    context.strokeStyle = "#d9730d";
    context.lineWidth = 2;
    context.beginPath();
    path.w.forEach((place, number) => context.lineTo(u(place), v(path.b[number])));
    context.stroke();
    context.fillStyle = "#d9730d";
    path.w.forEach((place, number) => {
      context.beginPath();
      context.arc(u(place), v(path.b[number]), 2.6, 0, 7);
      context.fill();
    });
    if (!of("over")) arrow(context, u(here.w), v(here.b), u(next.w), v(next.b), dark);
    context.restore();
    const [px, py] = [Math.max(left, Math.min(left + wide, u(here.w))), Math.max(top, Math.min(top + tall, v(here.b)))];
    context.fillStyle = "#f59322";
    context.strokeStyle = "#ffffff";
    context.lineWidth = 2;
    context.beginPath();
    context.arc(px, py, 8, 0, 7);
    context.fill();
    context.stroke();
    axes(context, w, u, v, ["w", "b"]);
    context.fillStyle = ink.soft;
  }
  function arrow(context, x1, y1, x2, y2, colour) {
    const far = Math.hypot(x2 - x1, y2 - y1);
    if (far < 3) return;
    const [dx, dy] = [(x2 - x1) / far, (y2 - y1) / far];
    context.strokeStyle = context.fillStyle = colour;
    context.lineWidth = 1.6;
    context.beginPath();
    context.moveTo(x1, y1);
    context.lineTo(x2, y2);
    context.stroke();
    context.beginPath();
    context.moveTo(x2, y2);
    context.lineTo(x2 - dx * 7 - dy * 3.5, y2 - dy * 7 + dx * 3.5);
    context.lineTo(x2 - dx * 7 + dy * 3.5, y2 - dy * 7 - dx * 3.5);
    context.fill();
  }
  function paintCurve(context, width, height) {
    const { window: range, path, curve, here, next } = s.view();
    const { ink } = w;
    u = scale(range.w, [40, width - 12]);
    v = scale([0, Math.max(...curve.loss) * 1.02 || 1], [height - 38, 22]);
    axes(context, w, u, v, ["w", "L(w)"]);
    context.save();
    context.beginPath();
    context.rect(40, 0, width - 50, height - 37);
    context.clip();
    context.strokeStyle = ink.text;
    context.lineWidth = 2.2;
    context.beginPath();
    curve.w.forEach((place, number) => context.lineTo(u(place), v(curve.loss[number])));
    context.stroke();
    const reach = (range.w[1] - range.w[0]) * 0.14; // the tangent: its slope is the derivative
    context.strokeStyle = ink.minus;
    context.setLineDash([5, 4]);
    context.beginPath();
    context.moveTo(u(here.w - reach), v(here.loss - reach * here.dw));
    context.lineTo(u(here.w + reach), v(here.loss + reach * here.dw));
    context.stroke();
    context.setLineDash([]);
    context.strokeStyle = "#d9730d";
    context.lineWidth = 1.5;
    context.beginPath();
    path.w.forEach((place, number) => context.lineTo(u(place), v(path.loss[number])));
    context.stroke();
    context.fillStyle = "#d9730d";
    path.w.forEach((place, number) => {
      context.beginPath();
      context.arc(u(place), v(path.loss[number]), 3, 0, 7);
      context.fill();
    });
    if (!of("over")) arrow(context, u(here.w), v(0) - 6, u(next.w), v(0) - 6, ink.text);
    context.fillStyle = "#f59322";
    context.strokeStyle = "#ffffff";
    context.lineWidth = 2;
    context.beginPath();
    context.arc(u(here.w), v(here.loss), 8, 0, 7);
    context.fill();
    context.stroke();
    context.restore();
  }
  const inside = (value, [low, high]) => Math.min(high, Math.max(low, value));
  const walkTo = (px, py) => {
    const range = of("window");
    s.slide(pair() ? { w: inside(u.back(px), range.w), b: inside(v.back(py), range.b) } : { w: inside(u.back(px), range.w) });
  };
  drag(w, surface, {
    begin(px, py) {
      stop();
      walkTo(px, py);
      return true;
    },
    move: walkTo,
  });
  return surface;
}

/** L after every step, the steps beyond this one in grey: a strip to go back and forth in. */
function lineHistory(w, s, stop) {
  const of = (key) => s.view()[key];
  let longest = { key: "", path: [] }; // the furthest this walk has been
  s.shows(() => {
    const { w: weight, b, rate, loss, vary, points } = s.state;
    const key = JSON.stringify([weight, b, rate, loss, vary, points]);
    if (longest.key !== key || of("path").w.length >= longest.path.length) longest = { key, path: of("path").loss };
  });
  const inside = (value, [low, high]) => Math.min(high, Math.max(low, value));
  const history = canvas(w, "line.history", paintHistory, () => 74);
  // ---- the loss of every step: a strip to go back and forth in
  function paintHistory(context, width, height) {
    const { loss } = of("path");
    const { ink } = w;
    const all = longest.path;
    const [across, up] = [scale([0, Math.max(10, all.length - 1)], [40, width - 12]), scale([0, Math.max(...all) || 1], [height - 20, 8])];
    context.strokeStyle = ink.line;
    context.lineWidth = 1;
    context.strokeRect(40, 8, width - 52, height - 28);
    const line = (steps, colour, thick) => {
      context.strokeStyle = colour;
      context.lineWidth = thick;
      context.beginPath();
      steps.forEach((step, number) => context.lineTo(across(number), up(step)));
      context.stroke();
    };
    line(all, ink.line, 1.5);
    line(loss, ink.plus, 2);
    const last = loss.length - 1;
    context.fillStyle = ink.plus;
    context.beginPath();
    context.arc(across(last), up(loss[last]), 4.5, 0, 7);
    context.fill();
    context.fillStyle = ink.soft;
    context.textBaseline = "top";
    context.textAlign = "right";
    context.fillText("L", 34, 8);
    context.textAlign = "left";
    context.fillText(w.say("line.steps", { count: last }), 40, height - 16);
  }
  const goTo = (px, py, box = history.clientWidth) => s.slide({ steps: Math.round(inside(((px - 40) / (box - 52)) * Math.max(10, longest.path.length - 1), [0, longest.path.length - 1])) });
  drag(w, history, {
    begin(px, py) {
      stop();
      goTo(px, py);
      return true;
    },
    move: goTo,
  });
  w.on(history, "keydown", (event) => {
    if (event.key === "ArrowLeft") s.act({ do: "back" });
    if (event.key === "ArrowRight") s.act({ do: "step" });
  });
  return history;
}
