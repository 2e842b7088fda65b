// The line through six points: the points, the loss surface with the walk on it, and every number of one step.

export default {
  render({ model, el }) {
    const w = widget(model, el, "line");
    const s = study(w);
    const of = (key) => s.view()[key];
    const pair = () => s.state.vary === "both";
    let tool = "line"; // what dragging in the left chart changes: the line or the points
    let chosen = -1; // the point that is being edited

    const data = canvas(w, () => w.say("line.chart", { w: figure(of("here").w), b: figure(of("here").b), loss: figure(of("here").loss) }), paintData, (width) => (width < 500 ? width * 0.8 : width * 0.66));

    // ---- the left chart: points, line, residuals, two handles
    let x, y;
    function paintData(context, width, height) {
      const { window: range, here, rows, handles } = s.view();
      const { ink } = w;
      x = scale(range.x, [40, width - 12]);
      y = scale(range.y, [height - 38, 22]);
      axes(context, w, x, y, ["x", "y"]);
      const at = (place) => here.w * place + here.b; // where to draw the line; its numbers come from Python
      context.save();
      context.beginPath();
      context.rect(40, 0, width - 40, height - 37);
      context.clip();
      s.state.points.forEach(([px, py], number) => {
        const colour = rows.gap[number] > 0 ? ink.plus : ink.minus;
        const [left, top, below] = [x(px), y(py), y(rows.prediction[number])];
        context.strokeStyle = colour;
        context.lineWidth = 2;
        context.beginPath();
        context.moveTo(left, top);
        context.lineTo(left, below);
        context.stroke();
        if (s.state.loss !== "mse") return;
        const side = Math.abs(top - below);
        context.fillStyle = glass(colour, 0.13);
        context.fillRect(rows.gap[number] > 0 ? left - side : left, Math.min(top, below), side, side);
      });
      context.strokeStyle = ink.text;
      context.lineWidth = 2.5;
      context.beginPath();
      context.moveTo(x(range.x[0]), y(at(range.x[0])));
      context.lineTo(x(range.x[1]), y(at(range.x[1])));
      context.stroke();
      const { asked } = s.state;
      context.setLineDash([3, 5]);
      context.lineWidth = 1;
      context.strokeStyle = ink.soft;
      context.beginPath();
      context.moveTo(x(asked), y(range.y[0]));
      context.lineTo(x(asked), y(of("answer").line));
      context.stroke();
      context.setLineDash([]);
      context.fillStyle = ink.back;
      context.lineWidth = 1.5;
      context.beginPath();
      context.arc(x(asked), y(of("answer").line), 5, 0, 7);
      context.fill();
      context.stroke();
      s.state.points.forEach(([px, py], number) => {
        context.fillStyle = number === chosen && tool === "points" ? ink.accent : ink.text;
        context.strokeStyle = ink.back;
        context.lineWidth = 1.5;
        mark(context, 0, x(px), y(py), s.state.points.length > 60 ? 3.5 : 5.5);
      });
      if (tool === "line")
        handles.forEach((place, number) => handle(context, w, number ? "w" : "b", x(place), Math.max(12, Math.min(height - 50, y(at(place))))));
      context.restore();
    }

    const near = (px, py) => {
      let [best, reach] = [-1, 20];
      s.state.points.forEach((point, number) => {
        const away = Math.hypot(x(point[0]) - px, y(point[1]) - py);
        if (away < reach) [best, reach] = [number, away];
      });
      return best;
    };
    let held = null;
    let from = 0; // the line is taken where it was touched
    drag(w, data, {
      begin(px, py) {
        if (tool === "points") {
          chosen = near(px, py);
          if (chosen < 0) {
            chosen = s.state.points.length;
            s.act({ do: "add", x: tidy(x.back(px)), y: tidy(y.back(py)) });
          }
          held = "point";
          w.redraw();
          return true;
        }
        const { here, handles } = s.view();
        const away = handles.map((place) => Math.hypot(x(place) - px, y(here.w * place + here.b) - py));
        if (Math.min(...away) < 26) held = away[0] < away[1] ? "shift" : "tilt";
        else if (Math.abs(y(here.w * x.back(px) + here.b) - py) < 18) held = "line";
        else return false;
        play.stop();
        from = y.back(py) - here.b;
        return true;
      },
      move(px, py) {
        if (held === "point") s.follow({ do: "move", point: chosen, x: tidy(x.back(px)), y: tidy(y.back(py)) });
        else if (held === "line") s.slide({ b: y.back(py) - from });
        else s.follow({ do: "handle", which: held, y: y.back(py) });
      },
      end: () => (held = null),
    });
    const nudge = (event) => {
      const ways = { ArrowUp: ["b", 1], ArrowDown: ["b", -1], ArrowRight: ["w", 1], ArrowLeft: ["w", -1] };
      if (event.target === data && tool === "points" && ["Delete", "Backspace"].includes(event.key) && chosen >= 0) remove();
      const way = ways[event.key];
      if (!way) return;
      event.preventDefault();
      const [low, high] = of("window")[way[0]];
      const step = 10 ** Math.floor(Math.log10((high - low) / 20));
      s.set({ [way[0]]: of("here")[way[0]] + way[1] * step });
    };
    const stop = () => play.stop();
    const surface = lineLoss(w, s, stop);
    const history = lineHistory(w, s, stop);
    w.on(data, "keydown", nudge);
    w.on(surface, "keydown", nudge);
    const remove = () => {
      s.act({ do: "remove", point: chosen });
      chosen = -1;
    };

    // ---- controls
    const play = playing(w, s, { step: () => s.act({ do: "step" }), over: () => of("over") !== null, pause: () => (of("path").w.length > 30 ? 60 : 260) });
    const back = button(w, "kit.back", () => s.act({ do: "back" }));
    const step = button(w, "kit.step", () => s.act({ do: "step" }));
    s.shows(() => {
      back.disabled = s.state.steps === 0;
      step.disabled = of("over") !== null;
    });
    const rate = dial(w, s, { key: "line.rate", min: () => Math.min(-3.3, Math.floor(Math.log10(s.state.rate)) - 1), max: 0.3, step: 0.02, get: () => s.state.rate, set: (value) => s.slide({ rate: value }), to: Math.log10, from: (place) => Number((10 ** place).toPrecision(2)), show: (value) => brief(value, 2) });
    const walk = node("div", { class: "fofx-row" }, play, back, step, button(w, "line.random", () => s.act({ do: "random" })), rate);
    const kinds = node(
      "div",
      { class: "fofx-row" },
      segments(w, s, { key: "line.loss", options: [["mae", "MAE"], ["mse", "MSE"]], get: () => s.state.loss, set: (loss) => s.set({ loss }) }),
      segments(w, s, { key: "line.vary", options: [["both", "line.vary.both"], ["w", "line.vary.w"]], get: () => s.state.vary, set: (vary) => s.set({ vary }) }),
    );
    const note = node("p", { class: "line-note", role: "status" });
    s.shows(() => {
      const over = of("over");
      note.hidden = !over;
      if (!over) return;
      const reason = { "line.left": () => w.say("line.left"), "line.arrived": () => w.say("line.arrived"), "line.enough": () => w.say("line.enough") }[over]();
      note.replaceChildren(reason, " ", over === "line.left" ? node("button", { type: "button", class: "fofx-button", click: () => s.act({ do: "slower" }) }, w.say("line.slower")) : "");
    });
    const drop = button(w, "line.remove", remove);
    const tools = segments(w, s, {
      options: [["line", "line.tool.line"], ["points", "line.tool.points"]],
      get: () => tool,
      set: (wanted) => {
        tool = wanted;
        chosen = -1;
        tools.refresh();
      },
    });
    const setTool = () => {
      drop.hidden = tool !== "points";
      drop.disabled = chosen < 0 || s.state.points.length < 2;
      [...tools.querySelectorAll("button")].forEach((item, number) => item.setAttribute("aria-pressed", String((tool === "points") === (number === 1))));
    };
    tools.refresh = () => {
      setTool();
      w.redraw();
    };
    s.shows(setTool);
    const weights = node(
      "div",
      { class: "fofx-row" },
      numeral(w, s, { key: "line.w", get: () => of("here").w, set: (value) => s.set({ w: value }), step: 0.1, digits: 5 }),
      numeral(w, s, { key: "line.b", get: () => of("here").b, set: (value) => s.set({ b: value }), step: 0.1, digits: 5 }),
      tools,
      drop,
    );

    // ---- the numbers
    const table = node("div", { class: "fofx-scroll line-table" });
    s.shows(() => {
      const { rows, here } = s.view();
      const squared = s.state.loss === "mse";
      const head = ["x", "y", w.say("line.prediction"), squared ? "(ŷ − y)²" : "|ŷ − y|"];
      const body = s.state.points.map(([px, py], number) => [figure(px), figure(py), figure(rows.prediction[number]), figure(rows.loss[number])]);
      const made = grid(head, body);
      made.append(node("tfoot", {}, node("tr", {}, node("th", { colspan: 3, scope: "row" }, w.say("line.mean")), node("td", {}, node("strong", {}, figure(here.loss, 2, true))))));
      table.replaceChildren(made);
    });
    const formula = node("div", { class: "study-formula" });
    const says = () => {
      const { here, next, rows } = s.view();
      const { points, loss, rate: eta, vary } = s.state;
      const count = points.length;
      const squared = loss === "mse";
      const shown = count > 7 ? [0, 1, 2, count - 1] : points.map((_, number) => number);
      const sum = (term) => shown.flatMap((number, turn) => [turn === 3 && count > 7 ? " + … + " : turn ? " + " : "", term(number)]);
      const signed = (value) => (value < 0 ? `(${figure(value)})` : figure(value));
      const pulls = squared ? rows.gap : rows.pull;
      const one = fraction(squared ? "2" : "1", String(count));
      const d = vary === "both" ? "∂" : "d";
      const slope = (name) => fraction([d, node("i", {}, "L")], [d, node("i", {}, name)]);
      const line = (...parts) => node("div", {}, parts.flat(9));
      const pull = squared ? "(ŷ − y)" : "sign(ŷ − y)";
      const made = [
        line(slope("w"), " = ", one.cloneNode(true), " Σ ", pull, " · ", node("i", {}, "x"), " = ", one.cloneNode(true), " (", sum((n) => `${signed(pulls[n])} · ${signed(points[n][0])}`), ") = ", node("strong", {}, figure(here.dw, 3))),
        vary === "both" ? line(slope("b"), " = ", one.cloneNode(true), " Σ ", pull, " = ", one.cloneNode(true), " (", sum((n) => signed(pulls[n])), ") = ", node("strong", {}, figure(here.db, 3))) : "",
        line(node("i", {}, "w"), " ← ", node("i", {}, "w"), " − η ", slope("w"), " = ", figure(here.w, 3), " − ", figure(eta, 5), " · ", signed(here.dw), " = ", node("strong", {}, figure(next.w, 4))),
        vary === "both" ? line(node("i", {}, "b"), " ← ", node("i", {}, "b"), " − η ", slope("b"), " = ", figure(here.b, 3), " − ", figure(eta, 5), " · ", signed(here.db), " = ", node("strong", {}, figure(next.b, 4))) : "",
      ];
      formula.replaceChildren(...made.filter(Boolean));
    };
    s.shows(says);
    const now = node("p", { class: "line-now" });
    s.shows(() => {
      const { here, answer } = s.view();
      const sign = here.b < 0 ? "−" : "+";
      now.replaceChildren(
        node("strong", { class: "line-equation" }, `ŷ = ${figure(here.w)} x ${sign} ${figure(Math.abs(here.b))}`),
        ` ${w.say("line.now", { loss: figure(here.loss, 2, true), name: s.state.loss.toUpperCase(), x: figure(s.state.asked), y: figure(answer.line) })}`,
      );
    });
    const guess = guessing(w, s, {
      question: () => w.say("line.question", { x: figure(s.state.asked) }),
      reply: (answer, guessed) => {
        const best = answer.square ? w.say("line.best", { w: figure(answer.square[0]), b: figure(answer.square[1]), y: figure(answer.best), x: figure(s.state.asked) }) : w.say("line.no-best");
        return guessed === null ? best : `${w.say("line.guessed", { value: figure(guessed) })} ${best}`;
      },
    });
    const own = pasting(w, s, { help: "line.paste", text: () => s.state.points.map((point) => point.join(" ")).join("\n") });
    own.append(node("div", { class: "fofx-row" }, numeral(w, s, { key: "line.asked", get: () => s.state.asked, set: (asked) => s.set({ asked }) })));

    w.root.append(
      heading(w, s, "line.title", "line.about"),
      guess,
      kinds,
      node("div", { class: "fofx-split" }, node("div", {}, words(w, "h4", "line.points"), data, weights, now), node("div", {}, words(w, "h4", () => w.say(pair() ? "line.surface" : "line.curve")), surface, history, walk, note)),
      node("div", { class: "fofx-split line-numbers" }, node("div", {}, words(w, "h4", "line.table"), table), node("div", {}, words(w, "h4", "line.gradient"), formula, words(w, "p", () => w.say(s.state.loss === "mae" ? "line.about.mae" : "line.about.mse"), { class: "fofx-soft" }))),
      own,
    );
    return w.done;
  },
};
