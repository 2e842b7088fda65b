// The network of a run: its units and weights (network_layers.js), its blocks and windows (network_blocks.js), the chain rule for a
// weight (network_chain.js) and for any weight of any network (network_through.js), and here the choice of row, step and network.

export default {
  render({ model, el }) {
    const w = widget(model, el, "network");
    const state = { net: null, unit: null, weight: null };
    const opened = new Map();
    let playing = false;
    const LISTED = 12;

    const naming = {
      input: (unit) => {
        const feature = model.get("features")[unit];
        return feature ? feature.name : `x${unit + 1}`;
      },
      output: (unit) => {
        const answer = model.get("answers")[unit];
        return answer ? answer.name : String(unit + 1);
      },
      layer: (layer) => (layer === state.net?.depth - 1 ? w.say("network.output") : w.say("network.layer", { number: layer + 1 })),
      unit: (layer, unit) => (layer < 0 ? naming.input(unit) : layer === state.net?.depth - 1 ? naming.output(unit) : w.say("network.unit_name", { number: unit + 1 })),
      weight: (layer, unit, source) => (source < 0
        ? w.say("network.chain_bias", { unit: naming.unit(layer, unit), layer: naming.layer(layer) })
        : w.say("network.chain_name", { source: naming.unit(layer - 1, source), unit: naming.unit(layer, unit), layer: naming.layer(layer) })),
    };
    const pick = {
      unit(layer, unit) {
        state.unit = layer === null ? null : [layer, unit];
        detail();
        w.redraw();
        if (state.unit) w.announce(spoken.textContent);
      },
      weight(layer, unit, source) {
        state.unit = [layer, unit];
        w.tell({ do: "weight", layer, unit, source });
        detail();
        w.redraw();
      },
    };

    const title = node("h3");
    const about = node("p", { class: "fofx-soft" });
    const note = node("p", { class: "fofx-soft" });
    const plot = networkCanvas(w, state, naming, pick);
    const spoken = node("p", { class: "net-unit" });
    const weights = node("div", { class: "net-weights" });
    const answers = node("div", { class: "net-answers" });
    const reason = node("p", { class: "fofx-soft" });
    const picker = weightPicker(w);
    const tree = blockTree(w, opened, (name) => {
      any.open = true;
      picker.choose(name);
      any.scrollIntoView({ block: "nearest" });
    });
    const chain = chainPanel(w, naming, () => {
      w.tell({ do: "forget" });
      plot.focus();
    });
    const through = throughPanel(w, () => {
      w.tell({ do: "forget" });
      picker.place.querySelector("canvas").focus();
    });
    const anyName = node("summary");
    const any = node("details", { class: "net-any" }, anyName, node("div", { class: "net-parts" }, picker.place, through.place));
    const blocksName = node("summary");
    const blocks = node("details", { class: "net-blocks" }, blocksName, tree.place);

    const rung = choice(w, { key: "network.rung", options: model.get("rungs").map((name) => [name, name]), get: () => model.get("rung"), set: (value) => { state.unit = null; w.set({ rung: value }); } });
    const part = choice(w, { key: "network.part", options: [["train", "network.part.train"], ["validation", "network.part.validation"], ["test", "network.part.test"]], get: () => model.get("part"), set: (value) => w.set({ part: value }) });
    const row = node("input", { type: "number", min: 1 });
    const rowName = node("span");
    const rowOf = node("span", { class: "fofx-soft" });
    w.on(row, "change", () => w.set({ row: Math.max(0, Math.min(model.get("rows") - 1, Math.round(Number(row.value)) - 1)) }));
    const previous = node("button", { type: "button", class: "fofx-button", "aria-label": "-" }, "‹");
    const following = node("button", { type: "button", class: "fofx-button", "aria-label": "+" }, "›");
    for (const [press, by] of [[previous, -1], [following, 1]]) w.on(press, "click", () => w.set({ row: (model.get("row") + by + model.get("rows")) % Math.max(1, model.get("rows")) }));
    const places = () => model.get("steps").length;
    const nowAt = () => (model.get("step") < 0 ? places() : model.get("steps").indexOf(model.get("step")));
    const shownStep = (at) => (at >= places() ? w.say("network.kept") : String(model.get("steps")[at]));
    const time = slider(w, { key: "network.step", min: 0, max: 1, step: 1, get: () => Math.max(0, nowAt()), set: (at) => w.set({ step: at >= places() ? -1 : model.get("steps")[at] }), show: shownStep });
    const play = button(w, "kit.play", () => {
      playing = !playing;
      if (playing && nowAt() >= places()) w.set({ step: model.get("steps")[0] });
      show();
      w.wake();
    });
    const past = node("div", { class: "fofx-row" }, play, time);
    let since = 0;
    w.loop(() => playing, (now) => {
      if (now - since < 350) return;
      since = now;
      const next = nowAt() + 1;
      w.set({ step: next >= places() ? -1 : model.get("steps")[next] });
      if (next >= places()) {
        playing = false;
        show();
      }
    });

    /** The unit that is picked: its sum and output, and the weights that lead into it, the largest first. */
    function detail() {
      const { net, unit } = state;
      if (!net || !unit || unit[0] >= net.depth || unit[1] >= net.units(unit[0])) {
        spoken.textContent = net ? w.say("network.pick") : "";
        return weights.replaceChildren();
      }
      const [layer, at] = unit;
      if (layer < 0) {
        const feature = model.get("features")[at];
        const own = feature?.own === null || feature?.own === undefined ? "" : ` (${w.say("network.own", { value: typeof feature.own === "number" ? brief(feature.own, 5) : feature.own })})`;
        spoken.textContent = w.say("network.unit_input", { name: naming.input(at), value: brief(net.out(-1, at), 4) }) + own;
        return weights.replaceChildren();
      }
      spoken.textContent = w.say("network.unit", { layer: naming.layer(layer), unit: at + 1, sum: brief(net.sum(layer, at), 4), output: brief(net.out(layer, at), 4) }) + (net.layers[layer].activation === "Identity" ? "" : ` (${net.layers[layer].activation})`);
      const sources = Array.from({ length: net.units(layer - 1) }, (_, source) => source);
      sources.sort((a, b) => Math.abs(net.weight(layer, at, b)) - Math.abs(net.weight(layer, at, a)));
      const held = document.activeElement?.dataset?.source;
      const line = (source) => {
        const value = net.weight(layer, at, source);
        const press = node("button", { type: "button", class: "fofx-button net-explain", "data-source": String(source), "aria-label": `${w.say("network.explain")}: ${naming.weight(layer, at, source)}` }, "∂L/∂w");
        press.addEventListener("click", () => pick.weight(layer, at, source));
        const bar = node("i", { style: `width:${Math.min(100, (100 * Math.abs(value)) / net.most[layer])}%;background:${value >= 0 ? w.ink.plus : w.ink.minus}` });
        return [source < 0 ? w.say("network.bias") : naming.unit(layer - 1, source), node("span", { class: "net-bar" }, bar, brief(value, 4)), source < 0 ? "1" : brief(net.out(layer - 1, source), 4), press];
      };
      const listed = [...sources.slice(0, LISTED), ...(net.layers[layer].bias ? [-1] : [])];
      weights.replaceChildren(
        node("div", { class: "fofx-scroll" }, grid(["network.from", "network.weight", "network.comes", "network.explain"].map((key) => w.say(key)), listed.map(line), w.say("network.weights_of"))),
        sources.length > LISTED ? node("p", { class: "fofx-soft" }, w.say("network.more", { count: sources.length - LISTED })) : "",
      );
      if (held !== undefined) weights.querySelector(`[data-source="${held}"]`)?.focus();
    }

    function answer() {
      const all = model.get("answers");
      const text = (value) => (typeof value === "number" ? brief(value, 5) : value ?? "–");
      const parts = all.map((each) => node("div", { class: "net-answer" },
        node("b", {}, each.name), node("span", {}, `${w.say("network.answer")} ${text(each.own ?? each.said)}`),
        each.said === null || each.own === null || each.own === each.said ? null : node("small", {}, w.say("network.scaled", { value: brief(each.said, 4) })),
        node("span", {}, `${w.say("network.right")} ${text(each.truth)}`)));
      const loss = model.get("loss");
      answers.replaceChildren(...parts, loss === null ? "" : node("p", {}, w.say("network.loss", { value: brief(loss, 4) })));
    }

    function load() {
      const net = denseNetwork(model);
      if (!net && model.get("dense").length) return; // the rest is still on its way
      state.net = net;
      const weight = model.get("weight");
      state.weight = net && weight.length === 3 && weight[0] < net.depth && weight[1] < net.units(weight[0]) ? weight : null;
      if (state.unit && (!net || state.unit[0] >= net.depth || state.unit[1] >= net.units(state.unit[0]))) state.unit = null;
      show();
    }

    function show() {
      title.textContent = w.say("network.title");
      about.textContent = w.say("network.about");
      const lines = state.net !== null;
      plot.hidden = spoken.hidden = weights.hidden = about.hidden = !lines;
      rung.hidden = model.get("rungs").length < 2;
      rowName.textContent = w.say("network.row");
      row.max = model.get("rows");
      if (document.activeElement !== row) row.value = model.get("row") + 1;
      rowOf.textContent = `/ ${model.get("rows")}`;
      past.hidden = places() < 2;
      time.querySelector("input").max = places();
      const before = model.get("step") >= 0;
      note.hidden = !before;
      note.textContent = before ? w.say(model.get("recorded") === "windows" ? "network.windows_only" : "network.rounded") : "";
      reason.hidden = !model.get("reason");
      const any_weight = model.get("parameters").length > 0;
      reason.textContent = !model.get("reason") ? "" : any_weight ? w.say("network.by_windows") : w.say("network.no_chain", { reason: model.get("reason") });
      any.hidden = !any_weight;
      anyName.textContent = w.say("network.through");
      blocks.hidden = !model.get("tree").length;
      blocksName.textContent = w.say("network.blocks");
      play.textContent = w.say(playing ? "kit.pause" : "kit.play");
      for (const control of [rung, part, time]) control.update();
      answer();
      detail();
      tree.draw();
      chain.draw();
      picker.draw();
      through.draw();
      w.redraw();
    }

    w.root.append(title, about,
      node("div", { class: "fofx-row" }, rung, part, node("label", { class: "fofx-control" }, rowName, row), rowOf, previous, following),
      past, note, answers, reason,
      node("div", { class: "net-parts" }, node("div", {}, plot, spoken), node("div", {}, weights, chain.place)), any, blocks);
    blocks.open = any.open = !model.get("dense").length;
    w.watch("dense numbers weight", load);
    w.watch("features answers loss tree windows values rows row part step steps recorded reason rung words theme", show);
    w.watch("chain", () => { chain.draw(); w.redraw(); });
    w.watch("parameters", () => { show(); });
    w.watch("parameter table numbers_of picked", picker.draw);
    w.watch("through maps picked", through.draw);
    load();
    return w.done;
  },
};
