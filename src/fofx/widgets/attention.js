// Two columns of tokens with lines between them, or the matrix itself; a picture's patches are shaded on the picture. A small
// map of every head picks one. All weights come from Python.

export default {
  render({ model, el }) {
    const w = widget(model, el, "attention");
    const SMALL = 52;
    let weights = new Float32Array(0);
    let over = -1; // the position under the pointer
    const tokens = () => model.get("tokens");
    const size = () => tokens().length;
    const from = () => (over >= 0 ? over : model.get("token"));
    const at = (row, column) => weights[row * size() + column];

    function load() {
      const next = floats(model.get("weights"));
      if (next.length !== size() ** 2) return; // the rest is still on its way
      weights = next;
      over = -1;
      tell();
      w.redraw();
    }

    const orange = (share) => {
      const back = w.dark ? [28, 27, 26] : [255, 255, 255];
      return back.map((channel, number) => Math.round(channel + ([0xe0, 0x7a, 0x10][number] - channel) * Math.min(1, share)));
    };
    const css = (share) => `rgb(${orange(share).join(",")})`;
    const shorten = (context, text, room) => {
      let short = text;
      while (short.length > 1 && context.measureText(short).width > room) short = short.slice(0, -1);
      return short === text ? text : `${short}…`;
    };

    // ---- two columns and the lines between them

    const LINE = 21;
    function columns(width) {
      const room = Math.min(150, width * 0.3);
      return { left: room, right: Math.min(width, 640) - room, room };
    }

    function lines(context, width) {
      const { left, right, room } = columns(width);
      const chosen = from();
      const y = (position) => 34 + position * LINE;
      const most = weights.reduce((high, value) => Math.max(high, value), 1e-9);
      context.fillStyle = w.ink.soft;
      context.textBaseline = "middle";
      context.textAlign = "right";
      context.fillText(w.say("attention.from"), left, 12);
      context.textAlign = "left";
      context.fillText(w.say("attention.to"), right, 12);
      for (let row = 0; row < size(); row++) {
        if (chosen >= 0 && row !== chosen) continue;
        for (let column = 0; column < size(); column++) {
          const value = at(row, column);
          if (value / most < 0.02) continue;
          context.globalAlpha = Math.min(1, chosen >= 0 ? 0.15 + (0.85 * value) / most : (0.8 * value) / most);
          context.strokeStyle = w.dark ? "#f0a04a" : "#c4620a";
          context.lineWidth = 0.6 + (4 * value) / most;
          context.beginPath();
          context.moveTo(left + 6, y(row));
          context.bezierCurveTo((left + right) / 2, y(row), (left + right) / 2, y(column), right - 6, y(column));
          context.stroke();
        }
      }
      context.globalAlpha = 1;
      tokens().forEach((token, position) => {
        const share = chosen >= 0 ? at(chosen, position) : 0;
        if (chosen >= 0) {
          context.fillStyle = css((share / most) * 0.9);
          context.fillRect(right - 2, y(position) - LINE / 2 + 1, room, LINE - 2);
        }
        context.fillStyle = position === chosen ? w.ink.accent : w.ink.text;
        context.textAlign = "right";
        context.font = `${position === chosen ? "600 " : ""}13px system-ui, "Noto Sans CJK SC", "PingFang SC", "Microsoft YaHei", sans-serif`;
        context.fillText(shorten(context, token, room - 8), left, y(position));
        context.textAlign = "left";
        context.fillStyle = share / most > 0.75 && !w.dark ? "#221400" : w.ink.text;
        context.font = '13px system-ui, "Noto Sans CJK SC", "PingFang SC", "Microsoft YaHei", sans-serif';
        context.fillText(shorten(context, token, room - (chosen >= 0 ? 44 : 8)), right + 2, y(position));
        if (chosen >= 0) {
          context.textAlign = "right";
          context.fillText(share.toFixed(2), right + room - 6, y(position));
        }
      });
    }

    // ---- the matrix

    function cells(width) {
      const room = Math.min(96, width * 0.24);
      return { room, cell: Math.min(52, (Math.min(width, 760) - room - 4) / size()) };
    }

    function matrix(context, width) {
      const { room, cell } = cells(width);
      const chosen = from();
      context.imageSmoothingEnabled = false;
      const most = weights.reduce((high, value) => Math.max(high, value), 1e-9);
      context.drawImage(picture(weights, size(), size(), (value) => orange(value / most)), room, room, cell * size(), cell * size());
      context.strokeStyle = w.ink.line;
      context.strokeRect(room - 0.5, room - 0.5, cell * size() + 1, cell * size() + 1);
      if (model.get("causal") && model.get("measure") !== "rollout") {
        context.strokeStyle = w.ink.soft;
        context.globalAlpha = 0.35;
        context.beginPath();
        for (let row = 0; row < size(); row++) {
          for (let column = row + 1; column < size(); column++) {
            context.moveTo(room + column * cell, room + (row + 1) * cell);
            context.lineTo(room + (column + 1) * cell, room + row * cell);
          }
        }
        context.stroke();
        context.globalAlpha = 1;
      }
      context.font = `${Math.max(8, Math.min(13, cell * 0.8))}px system-ui, "Noto Sans CJK SC", "PingFang SC", "Microsoft YaHei", sans-serif`;
      context.textBaseline = "middle";
      const every = Math.ceil(9 / cell); // small cells: not every token has room for its name
      tokens().forEach((token, position) => {
        if (position % every && position !== chosen) return;
        context.fillStyle = position === chosen ? w.ink.accent : w.ink.text;
        context.textAlign = "right";
        context.fillText(shorten(context, token, room - 8), room - 5, room + (position + 0.5) * cell);
        context.save();
        context.translate(room + (position + 0.5) * cell, room - 5);
        context.rotate(-Math.PI / 2);
        context.textAlign = "left";
        context.fillStyle = w.ink.text;
        context.fillText(shorten(context, token, room - 8), 0, 0);
        context.restore();
      });
      if (chosen >= 0) {
        context.strokeStyle = w.ink.accent;
        context.lineWidth = 2;
        context.strokeRect(room, room + chosen * cell, cell * size(), cell);
      }
    }

    // ---- a picture cut into patches

    const patched = () => model.get("grid").length === 2 && model.get("view") === "lines";
    const square = (width) => Math.min(width, 420);

    function patches(context, width) {
      const [down, across] = model.get("grid");
      const side = square(width);
      const [channels, high, wide] = model.get("picture_size");
      const view = model.get("picture");
      const bytes = new Uint8Array(view.buffer ?? view, view.byteOffset ?? 0, view.byteLength);
      const chosen = Math.max(0, from());
      const most = Array.from({ length: down * across }, (_, patch) => at(chosen, patch + 1)).reduce((a, b) => Math.max(a, b), 1e-9);
      const places = Array.from({ length: high * wide }, (_, pixel) => pixel);
      context.imageSmoothingEnabled = false;
      context.drawImage(picture(places, wide, high, (pixel) => [0, 1, 2].map((channel) => bytes[Math.min(channel, channels - 1) * high * wide + pixel])), 0, 26, side, side);
      for (let patch = 0; patch < down * across; patch++) {
        const box = [((patch % across) * side) / across, 26 + (Math.floor(patch / across) * side) / down, side / across, side / down];
        context.fillStyle = `rgba(230,120,10,${(0.85 * at(chosen, patch + 1)) / most})`;
        context.fillRect(...box);
        if (patch + 1 === chosen) {
          context.strokeStyle = w.ink.accent;
          context.lineWidth = 3;
          context.strokeRect(...box);
        }
      }
      context.fillStyle = chosen === 0 ? w.ink.accent : w.ink.text;
      context.textBaseline = "middle";
      context.fillText(`* ${at(chosen, 0).toFixed(2)} · ${w.say("attention.patch")}`, 2, 12);
    }

    const plot = canvas(w, () => w.say("attention.label", { count: size() }), (context, width) => {
      if (!weights.length) return;
      if (patched()) patches(context, width);
      else if (model.get("view") === "lines") lines(context, width);
      else matrix(context, width);
    }, (width) => (patched() ? square(width) + 30 : model.get("view") === "lines" ? 34 + size() * LINE : cells(width).room + cells(width).cell * size() + 4));

    function positionAt(x, y) {
      const width = plot.clientWidth;
      let found = Math.floor((y - 34 + LINE / 2) / LINE);
      if (patched()) {
        const [down, across] = model.get("grid");
        const side = square(width);
        if (y < 26) return 0;
        if (x > side || y > side + 26) return -1;
        found = 1 + Math.floor(((y - 26) / side) * down) * across + Math.floor((x / side) * across);
      } else if (model.get("view") === "matrix") found = Math.floor((y - cells(width).room) / cells(width).cell);
      return found >= 0 && found < size() ? found : -1;
    }
    const hover = (position) => {
      if (position === over) return;
      over = position;
      tell();
      w.redraw();
    };
    w.on(plot, "pointermove", (event) => event.pointerType === "mouse" && hover(positionAt(...place(event, plot))));
    w.on(plot, "pointerleave", () => hover(-1));
    w.on(plot, "click", (event) => {
      const position = positionAt(...place(event, plot));
      w.set({ token: position === model.get("token") ? -1 : position });
    });
    w.on(plot, "keydown", (event) => {
      const now = model.get("token");
      const to = { ArrowDown: now + 1, ArrowRight: now + 1, ArrowUp: now - 1, ArrowLeft: now - 1, Home: 0, End: size() - 1, Escape: -1 }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      over = -1;
      w.set({ token: to < 0 ? (event.key === "Escape" ? -1 : size() - 1) : to % size() });
      w.announce(detail.textContent);
    });

    // ---- every head as a small map

    const heads = node("div", { class: "att-heads", role: "radiogroup" });
    function overview() {
      const view = model.get("overview");
      const bytes = new Uint8Array(view.buffer ?? view, view.byteOffset ?? 0, view.byteLength);
      const count = size() ** 2;
      const all = model.get("heads").reduce((sum, each) => sum + each, 0);
      if (bytes.length !== all * count) return;
      const held = document.activeElement?.dataset?.head;
      let first = 0;
      heads.setAttribute("aria-label", w.say("attention.all"));
      heads.replaceChildren(...model.get("heads").map((many, layer) => {
        const row = Array.from({ length: many }, (_, head) => {
          const values = bytes.subarray(first, (first += count));
          const on = model.get("measure") === "head" && model.get("layer") === layer && model.get("head") === head;
          const small = picture(values, size(), size(), (value) => orange(Math.sqrt(value / 255))); // the root, so that weak looks show too
          small.setAttribute("aria-hidden", "true");
          const press = node("button", { type: "button", role: "radio", "aria-checked": String(on), "data-head": `${layer}.${head}`, "aria-label": w.say("attention.head", { layer: layer + 1, head: head + 1 }), title: w.say("attention.head", { layer: layer + 1, head: head + 1 }) }, small);
          small.style.cssText = `width:${SMALL}px;height:${SMALL}px;image-rendering:pixelated;display:block`;
          press.addEventListener("click", () => w.set({ measure: "head", layer, head }));
          return press;
        });
        return node("div", { class: "att-layer" }, node("small", {}, w.say("attention.layer", { layer: layer + 1 })), row);
      }));
      if (held) heads.querySelector(`[data-head="${held}"]`)?.focus();
    }

    // ---- texts and controls

    const title = node("h3");
    const about = node("p", { class: "fofx-soft" });
    const causal = node("p", { class: "att-causal" });
    const answer = node("p");
    const detail = node("div", { class: "att-detail" });
    const reaches = node("div", { class: "att-reach" });
    const hidden = node("p", { class: "fofx-soft" });
    const rollout = node("p", { class: "fofx-soft" });
    const field = node("textarea", { rows: 2 });
    const fieldName = node("span");
    const sources = [["row", "attention.source.row"], ["text", "attention.source.text"]];
    const source = choice(w, { key: "attention.source", options: sources, get: () => model.get("source"), set: (value) => (value === "row" ? w.set({ source: value }) : (writing.hidden = false, field.focus())) });
    const row = slider(w, { key: "attention.row", min: 0, max: Math.max(0, model.get("rows") - 1), step: 1, get: () => model.get("row"), set: (value) => w.set({ row: value, source: "row" }), show: (value) => String(value + 1) });
    const read = button(w, "attention.read", () => w.tell({ do: "read", text: field.value }), { class: "fofx-button fofx-main" });
    const writing = node("div", { class: "fofx-row att-write" }, node("label", {}, fieldName, field), read);
    const measure = choice(w, { key: "attention.measure", options: [["head", "attention.measure.head"], ["mean", "attention.measure.mean"], ["rollout", "attention.measure.rollout"]], get: () => model.get("measure"), set: (value) => w.set({ measure: value }) });
    const view = choice(w, { key: "attention.view", options: [["lines", "attention.view.lines"], ["matrix", "attention.view.matrix"]], get: () => model.get("view"), set: (value) => w.set({ view: value }) });
    const layers = node("select");
    const layerName = node("span");
    const layerLabel = node("label", { class: "fofx-control" }, layerName, layers);
    w.on(layers, "change", () => w.set({ layer: Number(layers.value) }));
    const top = node("div", { class: "fofx-row" }, source, row);
    w.on(field, "keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) w.tell({ do: "read", text: field.value });
    });

    function list(position, of) {
      const found = Array.from({ length: size() }, (_, other) => [other, of(other)]).filter(([, value]) => value > 0.0005);
      found.sort((a, b) => b[1] - a[1]);
      return grid([w.say("attention.position"), w.say("attention.weight")], found.slice(0, 8).map(([other, value]) => [`${other + 1} ${tokens()[other]}`, value.toFixed(3)]));
    }

    function tell() {
      const chosen = from();
      if (chosen < 0 || chosen >= size() || !weights.length) return detail.replaceChildren(node("p", { class: "fofx-soft" }, w.say("attention.pick")));
      detail.replaceChildren(
        node("div", {}, node("p", {}, w.say("attention.looks", { token: tokens()[chosen], number: chosen + 1 })), list(chosen, (other) => at(chosen, other))),
        node("div", {}, node("p", {}, w.say("attention.looked")), list(chosen, (other) => at(other, chosen))),
      );
    }

    function show() {
      title.textContent = w.say("attention.title");
      about.textContent = w.say("attention.about");
      causal.hidden = !model.get("causal");
      causal.textContent = w.say("attention.causal");
      rollout.hidden = model.get("measure") !== "rollout";
      rollout.textContent = w.say("attention.rollout_about");
      fieldName.textContent = w.say("attention.write");
      top.hidden = model.get("source") === "given";
      source.hidden = !model.get("own_text");
      row.hidden = model.get("rows") === 0;
      row.querySelector("input").max = Math.max(0, model.get("rows") - 1);
      writing.hidden = !model.get("own_text");
      if (document.activeElement !== field) field.value = model.get("text");
      for (const control of [source, row, measure, view]) control.update();
      layerName.textContent = w.say("attention.layer", { layer: "" }).trim();
      layers.replaceChildren(...model.get("layers").map((_, number) => node("option", { value: number }, String(number + 1))));
      layers.value = model.get("layer");
      layerLabel.hidden = model.get("measure") !== "mean";
      const said = model.get("answer");
      const words = (values) => Object.entries(values).map(([name, value]) => `${name} = ${value}`).join(", ");
      answer.hidden = !said.values;
      if (said.values) answer.textContent = w.say("attention.answer", { rung: said.rung, values: words(said.values) }) + (Object.keys(said.truth).length ? ` · ${w.say("attention.truth", { values: words(said.truth) })}` : "");
      hidden.hidden = !model.get("hidden");
      hidden.textContent = w.say("attention.hidden", { count: model.get("hidden") });
      const share = floats(model.get("reaches"));
      const most = share.reduce((high, value) => Math.max(high, value), 1e-9);
      reaches.hidden = model.get("grid").length === 2 || model.get("source") === "given"; // of a model given as it is, nobody knows what is made of its positions
      reaches.replaceChildren(node("small", { class: "fofx-soft" }, w.say("attention.reaches")), node("p", {}, tokens().map((token, position) => {
        const part = share[position] / most;
        return node("span", { style: `background:${css(part * 0.9)};color:${part > 0.6 && !w.dark ? "#221400" : "inherit"}`, title: share[position]?.toFixed(3) }, token);
      })));
      overview();
      tell();
      w.redraw();
    }

    w.root.append(title, about, causal, top, writing, answer,
      node("div", { class: "fofx-row" }, measure, layerLabel, view), rollout,
      node("div", { class: "att-parts" }, node("div", {}, plot, hidden), node("div", {}, heads, detail, reaches)));
    w.watch("weights tokens", load);
    w.watch("tokens overview layers heads measure layer head view source row rows text answer causal words grid reaches theme", show);
    w.watch("token", () => { tell(); w.redraw(); });
    load();
    show();
    return w.done;
  },
};
