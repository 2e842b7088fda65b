// Neurons that compose lines into curves: drag a neuron's line, see each part and the sum, match a target.

export default {
  render({ model, el }) {
    const w = widget(model, el, "neuron");
    const s = study(w);
    const of = (key) => s.view()[key];
    const two = () => s.state.stage === "two";
    const hue = (layer, unit) => classColour(layer === 2 ? [3, 5, 7, 4, 0, 1][unit] : unit);
    let tool = "line"; // dragging moves the chosen line, or draws the target
    /** The values of one curve, by name; computed in Python. */
    const curve = (kind, layer, unit) => {
      const at = of("curves").findIndex((name) => name[0] === kind && name[1] === layer && name[2] === unit);
      const all = floats(w.model.get("curves"));
      return at < 0 ? [] : all.subarray(at * of("places"), (at + 1) * of("places"));
    };

    // ---- the chart
    let x, y;
    let trail = [];
    const chart = canvas(w, "neuron.chart", paint, (width) => (width < 500 ? width * 0.86 : width * 0.74));
    function paint(context, width, height) {
      const { ink } = w;
      const reach = of("reach");
      x = scale([-reach, reach], [30, width - 8]);
      y = scale([-reach, reach], [height - 24, 8]);
      context.strokeStyle = ink.line;
      context.lineWidth = 0.6;
      context.fillStyle = ink.soft;
      for (let value = -reach; value <= reach; value++) {
        context.globalAlpha = value === 0 ? 1 : 0.45;
        context.beginPath();
        context.moveTo(x(value), y(-reach));
        context.lineTo(x(value), y(reach));
        context.moveTo(x(-reach), y(value));
        context.lineTo(x(reach), y(value));
        context.stroke();
        context.globalAlpha = 1;
        context.textAlign = "center";
        context.textBaseline = "top";
        context.fillText(figure(value), x(value), y(-reach) + 5);
        context.textAlign = "right";
        context.textBaseline = "middle";
        context.fillText(figure(value), 24, y(value));
      }
      context.save();
      context.beginPath();
      context.rect(30, 8, width - 38, height - 32);
      context.clip();
      const draw = (values, colour, thick, dash = []) => {
        context.strokeStyle = colour;
        context.lineWidth = thick;
        context.setLineDash(dash);
        context.lineJoin = "round";
        context.beginPath();
        values.forEach((value, at) => context.lineTo(x(-reach + (2 * reach * at) / (values.length - 1)), y(value)));
        context.stroke();
        context.setLineDash([]);
      };
      const [layer, unit] = of("chosen");
      draw(curve("target", 0, 0), glass(ink.accent, 0.35), 9);
      const parts = of("curves").filter(([kind]) => kind === "part");
      if (s.state.stage !== "one")
        parts.forEach(([, , number]) => {
          const last = two() ? 2 : 1;
          draw(curve("part", 0, number), glass(hue(last, number), layer === last && number === unit ? 1 : 0.75), layer === last && number === unit ? 2.6 : 1.5);
        });
      draw(curve("sum", 0, 0), ink.text, 3.2);
      if (layer < 3) {
        draw(curve("z", layer, unit), hue(layer, unit), 1.4, [6, 5]);
        if (layer === 2 || two() || s.state.stage === "one") draw(curve("a", layer, unit), hue(layer, unit), 2.4, s.state.stage === "one" ? [] : [2, 3]);
      }
      if (layer === 1 && tool === "line")
        handles().forEach(([px, py], number) => handle(context, w, number ? "w" : "b", px, py));
      if (trail.length) {
        context.strokeStyle = ink.accent;
        context.lineWidth = 3;
        context.beginPath();
        trail.forEach(([px, py]) => context.lineTo(x(px), y(py)));
        context.stroke();
      }
      context.restore();
    }
    /** Where the chosen line is held: at its crossing of 0 (or where it is in the chart), and further along it. */
    function handles() {
      const reach = of("reach");
      const [weight, b] = s.state.first[of("chosen")[1]];
      let at = weight ? -b / weight : 0;
      if (Math.abs(at) > reach * 0.9) at = Math.max(-reach * 0.9, Math.min(reach * 0.9, at));
      const height = Math.max(-reach * 0.93, Math.min(reach * 0.93, weight * at + b));
      const [px, py] = [x(at), y(height)];
      const [dx, dy] = [x(1) - x(0), y(weight) - y(0)];
      const turn = px > (x(reach) + x(-reach)) / 2 ? -1 : 1; // towards the side that has room
      const far = (turn * 78) / Math.hypot(dx, dy);
      return [[px, py], [px + dx * far, py + dy * far]];
    }
    let held = null;
    drag(w, chart, {
      begin(px, py) {
        if (tool === "draw") {
          trail = [[x.back(px), y.back(py)]];
          return true;
        }
        if (of("chosen")[0] !== 1) return false;
        const far = handles().map(([hx, hy]) => Math.hypot(hx - px, hy - py));
        if (Math.min(...far) > 30) return false;
        held = far[0] <= far[1] ? "shift" : "tilt";
        return true;
      },
      move(px, py) {
        if (tool === "draw") {
          if (trail.length < 480) trail.push([x.back(px), y.back(py)]);
          return w.redraw();
        }
        const unit = of("chosen")[1];
        const [first, second] = handles();
        const point = (hx, hy) => [x.back(hx), y.back(hy)];
        const points = held === "shift" ? [point(px, py), point(px + second[0] - first[0], py + second[1] - first[1])] : [point(...first), point(px, py)];
        s.follow({ do: "line", unit, points });
      },
      end() {
        held = null;
        if (tool === "draw" && trail.length) s.act({ do: "draw", points: trail });
        trail = [];
      },
    });
    w.on(chart, "keydown", (event) => {
      const way = { ArrowUp: ["bias", 0.1], ArrowDown: ["bias", -0.1], ArrowRight: [0, 0.1], ArrowLeft: [0, -0.1] }[event.key];
      const [layer, unit] = of("chosen");
      if (!way || layer !== 1) return;
      event.preventDefault();
      s.act({ do: "weight", layer, unit, source: way[0], value: Number((s.state.first[unit][way[0] === "bias" ? 1 : 0] + way[1]).toFixed(4)) });
    });

    // ---- the chosen neuron's weights, and what it does in words
    const dials = node("div", { class: "neuron-dials" });
    let updates = [];
    let shape = "";
    s.shows(() => {
      const [layer, unit] = of("chosen");
      const now = JSON.stringify([layer, unit, s.state.stage, s.state.first.length, s.state.second.length, w.model.get("lang")]);
      if (now !== shape) {
        shape = now;
        build(layer, unit);
      }
      updates.forEach((update) => update());
    });
    function build(layer, unit) {
      updates = [];
      const row = (name, get, message) => {
        const input = node("input", { type: "range", min: -5, max: 5, step: 0.05, "aria-label": name });
        const exact = node("input", { type: "number", step: 0.1, "aria-label": name });
        const send = (value) => s.follow({ do: "weight", ...message, value });
        input.addEventListener("input", () => send(Number(input.value)));
        exact.addEventListener("change", () => exact.value !== "" && send(Number(exact.value)));
        updates.push(() => {
          if (get() === undefined || ([input, exact].includes(document.activeElement) && !s.idle)) return;
          input.value = get();
          exact.value = Number(get().toFixed(3));
        });
        return node("div", { class: "neuron-dial" }, node("span", {}, name), input, exact);
      };
      const made = [];
      if (layer === 1) {
        made.push(row(w.say("neuron.w"), () => s.state.first[unit]?.[0], { layer, unit, source: 0 }), row(w.say("neuron.b"), () => s.state.first[unit]?.[1], { layer, unit, source: "bias" }));
      } else if (layer === 2) {
        s.state.first.forEach((_, source) => made.push(row(w.say("neuron.from", { number: source + 1 }), () => s.state.second[unit]?.[0][source], { layer, unit, source })));
        made.push(row(w.say("neuron.b"), () => s.state.second[unit]?.[1], { layer, unit, source: "bias" }));
      } else {
        s.state.out.forEach((_, source) => made.push(row(w.say("neuron.from", { number: source + 1 }), () => s.state.out[source], { layer: 3, unit: 0, source })));
        made.push(row(w.say("neuron.c"), () => s.state.bias, { layer: 3, unit: 0, source: "bias" }));
      }
      if (layer === (two() ? 2 : 1) && s.state.stage !== "one") made.push(row(w.say("neuron.v"), () => s.state.out[unit], { layer: 3, unit: 0, source: unit }));
      const title = layer === 3 ? w.say("neuron.output") : layer === 2 ? w.say("neuron.second", { number: unit + 1 }) : w.say("neuron.first", { number: unit + 1 });
      dials.replaceChildren(node("h4", {}, layer < 3 ? node("span", { class: "neuron-swatch", style: `background:${hue(layer, unit)}` }) : "", title), ...made);
    }
    const told = node("p", { class: "neuron-told" });
    s.shows(() => {
      const [layer, unit] = of("chosen");
      const { activation, first } = s.state;
      if (layer === 3) return (told.textContent = w.say("neuron.words.output"));
      if (layer === 2) return (told.textContent = w.say("neuron.words.second"));
      const [weight] = first[unit];
      const place = figure(of("crossings")[unit]);
      const slope = figure(Math.abs(weight));
      if (weight === 0) told.textContent = w.say("neuron.words.flat");
      else if (activation === "relu") told.textContent = w.say(weight > 0 ? "neuron.words.relu-right" : "neuron.words.relu-left", { place, slope });
      else if (activation === "linear") told.textContent = w.say("neuron.words.linear", { slope: figure(weight) });
      else told.textContent = w.say(activation === "sigmoid" ? (weight > 0 ? "neuron.words.sigmoid-up" : "neuron.words.sigmoid-down") : weight > 0 ? "neuron.words.tanh-up" : "neuron.words.tanh-down", { place, slope });
    });

    // ---- controls
    const STAGES = [["one", "neuron.stage.one"], ["sum", "neuron.stage.sum"], ["layer", "neuron.stage.layer"], ["two", "neuron.stage.two"]];
    const stages = segments(w, s, { options: STAGES, get: () => s.state.stage, set: (stage) => s.set({ stage }) });
    const KINDS = [["relu", "ReLU"], ["sigmoid", "sigmoid"], ["tanh", "tanh"], ["linear", "neuron.linear"]];
    const kinds = segments(w, s, { key: "neuron.activation", options: KINDS, get: () => s.state.activation, set: (activation) => s.set({ activation }) });
    const TARGETS = [["none", "neuron.target.none"], ["bump", "neuron.target.bump"], ["plateau", "neuron.target.plateau"], ["zigzag", "neuron.target.zigzag"], ["stairs", "neuron.target.stairs"], ["sine", "neuron.target.sine"], ["square", "neuron.target.square"], ["step", "neuron.target.step"], ["own", "neuron.target.own"]];
    const targets = choice(w, { key: "neuron.target", options: TARGETS, get: () => s.state.target, set: (target) => s.set({ target }) });
    s.shows(targets.update);
    const tools = segments(w, s, { options: [["line", "neuron.tool.line"], ["draw", "neuron.tool.draw"]], get: () => tool, set: (wanted) => { tool = wanted; s.refresh(); } });
    const fit = button(w, "neuron.fit", () => s.act({ do: "fit" }), { class: "fofx-button fofx-main" });
    const spread = button(w, "neuron.spread", () => s.act({ do: "spread" }));
    const addOne = button(w, "neuron.add", () => s.act({ do: "add", layer: 1 }));
    const addTwo = button(w, "neuron.add-second", () => s.act({ do: "add", layer: 2 }));
    const remove = button(w, "neuron.remove", () => s.act({ do: "remove" }));
    const gap = node("p", { role: "status", class: "neuron-gap" });
    s.shows(() => {
      const { stage, target, first, second } = s.state;
      const [layer] = of("chosen");
      const [most, mostTwo] = of("most");
      fit.hidden = spread.hidden = addOne.hidden = remove.hidden = stage === "one";
      fit.disabled = target === "none";
      addOne.disabled = first.length >= most;
      addTwo.hidden = stage !== "two";
      addTwo.disabled = second.length >= mostTwo;
      remove.disabled = layer === 1 ? first.length < 2 : layer === 2 ? second.length < 2 : true;
      const parts = [];
      if (of("gap") !== null) parts.push(w.say("neuron.gap", { gap: figure(of("gap"), 4) }));
      if (of("bends") !== null && stage !== "one") parts.push(w.say("neuron.bends", { count: of("bends") }));
      gap.textContent = parts.join(" ");
    });
    const EXAMPLES = { bump: "neuron.example.bump", switch: "neuron.example.switch", window: "neuron.example.window", fold: "neuron.example.fold" };
    const examples = node("div", { class: "fofx-row neuron-examples" });
    s.shows(() => examples.replaceChildren(node("span", { class: "fofx-soft" }, w.say("neuron.examples")), ...of("examples").map((name) => node("button", { type: "button", class: "fofx-button", click: () => s.act({ do: "example", name }) }, w.say(EXAMPLES[name])))));
    const guess = guessing(w, s, {
      question: "neuron.question",
      reply: (answer, guessed) => {
        const why = w.say("neuron.why", { count: answer.value });
        return guessed === null ? why : `${w.say(guessed === answer.value ? "neuron.right" : "neuron.guessed", { value: figure(guessed) })} ${why}`;
      },
    });
    const net = neuronNetwork(w, s, curve, hue);
    w.root.append(
      heading(w, s, "neuron.title", "neuron.about"),
      guess,
      node("div", { class: "fofx-row" }, stages, kinds),
      node(
        "div",
        { class: "fofx-split" },
        node("div", {}, chart, words(w, "p", () => w.say(two() ? "neuron.legend.two" : s.state.stage === "one" ? "neuron.legend.one" : "neuron.legend"), { class: "fofx-soft neuron-legend" }), node("div", { class: "fofx-row" }, targets, tools), node("div", { class: "fofx-row" }, fit, spread), gap),
        node("div", {}, net, node("div", { class: "fofx-row neuron-buttons" }, addOne, addTwo, remove), dials, told),
      ),
      words(w, "h4", "neuron.formula"),
      neuronFormula(w, s),
      examples,
    );
    return w.done;
  },
};
