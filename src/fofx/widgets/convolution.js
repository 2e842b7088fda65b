// The picture, the window's sum in full, and the result as it grows. Every number comes from Python; here they are looked up.

const SOURCES = [["digit", "convolution.source.digit"], ["own", "convolution.source.own"], ["run", "convolution.source.run"]];
const KERNEL_NAMES = [
  ["vertical", "convolution.kernel.vertical"], ["horizontal", "convolution.kernel.horizontal"], ["edges", "convolution.kernel.edges"],
  ["blur", "convolution.kernel.blur"], ["sharpen", "convolution.kernel.sharpen"], ["nothing", "convolution.kernel.nothing"],
  ["own", "convolution.kernel.own"], ["filter", "convolution.kernel.filter"],
];
const POOLS = [["none", "convolution.pool.none"], ["max", "convolution.pool.max"], ["mean", "convolution.pool.mean"]];
const FILE_MB = 6;
/** A number for a small cell: two places, and "0" only for what is exactly zero. */
const cellText = (value) => (value === 0 || Math.abs(value) >= 10 ? brief(value, 3) : Math.abs(value) < 0.005 ? (value > 0 ? "0.00" : "-0.00") : String(Number(value.toFixed(2))));

export default {
  render({ model, el }) {
    const w = widget(model, el, "convolution");
    let d = null; // the numbers of one state, whole
    let playing = false;
    let speed = 8;
    let pen = null; // {ink, cells} of a stroke that is being drawn
    let spot = [0, 0]; // where the pen stands for the keyboard
    let drawing = false;

    function load() {
      const [channels, height, width, side, down, across, poolDown, poolAcross] = model.get("size");
      const read = (name) => floats(model.get(name));
      const next = { channels, height, width, side, down, across, poolDown, poolAcross, count: down * across };
      for (const name of ["pixels", "weights", "products", "dots", "sums", "activated", "pooled"]) next[name] = read(name);
      const whole = next.pixels.length === channels * height * width && next.weights.length === channels * side * side && next.sums.length === next.count && next.pooled.length === poolDown * poolAcross;
      if (!whole) return; // the rest of this state is still on its way
      next.most = { pixels: largest(next.pixels), weights: largest(next.weights), sums: largest(next.activated), products: largest(next.products) };
      next.range = next.pixels.reduce(([low, high], value) => [Math.min(low, value), Math.max(high, value)], [Infinity, -Infinity]);
      d = next;
      w.redraw();
      explain();
    }
    const largest = (values) => values.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-9);
    const at = () => Math.max(0, Math.min(model.get("at"), d.count - 1));
    const corner = () => [Math.floor(at() / d.across) * model.get("stride") - model.get("padding"), (at() % d.across) * model.get("stride") - model.get("padding")];
    const go = (place) => w.set({ at: Math.max(0, Math.min(Math.round(place), d.count - 1)) });

    // ---- controls

    const title = node("h3");
    const about = node("p", { class: "fofx-soft" });
    const whenRun = (options, word) => options.filter(([value]) => value !== word || model.get("filters") > 0);
    const pick = (key, trait, options) => choice(w, { key, options, get: () => model.get(trait), set: (value) => w.set({ [trait]: value }) });
    const slide = (key, trait, min, max, step = 1, show = brief) => slider(w, { key, min, max, step, get: () => model.get(trait), set: (value) => w.set({ [trait]: value }), show: (value) => show(value) });
    const source = pick("convolution.source", "source", whenRun(SOURCES, "run"));
    const digit = pick("convolution.digit", "digit", Array.from({ length: 10 }, (_, number) => [number, String(number)]));
    const row = slide("convolution.row", "row", 0, Math.max(0, model.get("rows") - 1), 1, (value) => String(value + 1));
    const side = pick("convolution.side", "side", [8, 12, 16, 28].map((number) => [number, String(number)]));
    const draws = tick(w, { key: "convolution.draw", get: () => drawing, set: (value) => { drawing = value; w.redraw(); } });
    const clear = button(w, "convolution.clear", () => w.tell({ do: "clear" }));
    const file = node("input", { type: "file", accept: "image/*", class: "conv-file" });
    const upload = button(w, "convolution.upload", () => file.click());
    const kernel = pick("convolution.kernel", "kernel", whenRun(KERNEL_NAMES, "filter"));
    const filter = slide("convolution.filter", "filter", 0, Math.max(0, model.get("filters") - 1), 1, (value) => `${value + 1} / ${model.get("filters")}`);
    const ksize = choice(w, { key: "convolution.ksize", options: [1, 2, 3, 4, 5, 6, 7].map((number) => [number, `${number} x ${number}`]), get: () => d?.side ?? 3, set: resize });
    const stride = slide("convolution.stride", "stride", 1, 4);
    const padding = slide("convolution.padding", "padding", 0, 3);
    const bias = slide("convolution.bias", "bias", -4, 4, 0.1);
    const relu = tick(w, { key: "convolution.relu", get: () => model.get("relu"), set: (value) => w.set({ relu: value }) });
    const pool = pick("convolution.pool", "pool", POOLS);
    const play = button(w, "kit.play", () => {
      playing = !playing;
      if (playing && at() >= d.count - 1) go(0);
      play.textContent = w.say(playing ? "kit.pause" : "kit.play");
      w.wake();
    }, { class: "fofx-button fofx-main" });
    const steps = [
      play,
      button(w, "kit.back", () => go(at() - 1)),
      button(w, "kit.step", () => go(at() + 1)),
      button(w, "kit.reset", () => go(0)),
      button(w, "convolution.all", () => go(d.count - 1)),
      slider(w, { key: "convolution.speed", min: 1, max: 40, step: 1, get: () => speed, set: (value) => { speed = value; } }),
    ];

    w.on(file, "change", async () => {
      const chosen = file.files[0];
      file.value = "";
      if (!chosen) return;
      if (chosen.size > FILE_MB * 1e6) return w.announce(said.textContent = w.say("convolution.too_large", { size: FILE_MB }));
      const bytes = new Uint8Array(await chosen.arrayBuffer());
      let text = "";
      for (let from = 0; from < bytes.length; from += 32768) text += String.fromCharCode(...bytes.subarray(from, from + 32768));
      said.textContent = "";
      w.tell({ do: "upload", data: btoa(text) });
    });

    /** The own kernel in another size: its middle stays, new places are 0. */
    function resize(size) {
      const shift = Math.floor((size - d.side) / 2);
      const old = (line, column) => (line >= 0 && column >= 0 && line < d.side && column < d.side ? d.weights[line * d.side + column] : 0);
      w.tell({ do: "kernel", numbers: Array.from({ length: size }, (_, line) => Array.from({ length: size }, (_, column) => old(line - shift, column - shift))) });
    }

    // ---- pictures

    const cellOf = (surface, rows, columns, tallest = 460) => Math.min(surface.clientWidth / columns, tallest / rows);
    const grey = (value) => {
      const part = Math.round(255 * Math.max(0, Math.min(1, value)));
      return [part, part, part];
    };
    const shareOf = (value) => (d.range[0] >= 0 && d.range[1] <= 1 ? value : (value - d.range[0]) / (d.range[1] - d.range[0] || 1));

    function numbers(context, rows, columns, cell, valueAt, inkAt) {
      if (cell < 27) return;
      context.textAlign = "center";
      context.textBaseline = "middle";
      context.font = `${Math.min(13, cell * 0.34)}px system-ui, sans-serif`;
      for (let place = 0; place < rows * columns; place++) {
        const value = valueAt(place);
        if (value === null) continue;
        context.fillStyle = inkAt(place);
        context.fillText(cellText(value), ((place % columns) + 0.5) * cell, (Math.floor(place / columns) + 0.5) * cell);
      }
    }

    /** What the kernel sees, with its padding around it. */
    const input = canvas(w, () => w.say("convolution.label_picture", { row: corner()[0] + 1, column: corner()[1] + 1 }), (context, width) => {
      if (!d) return;
      const pad = model.get("padding");
      const [rows, columns] = [d.height + 2 * pad, d.width + 2 * pad];
      const cell = cellOf(input, rows, columns);
      context.translate((width - cell * columns) / 2, 0);
      context.imageSmoothingEnabled = false;
      context.save();
      context.strokeStyle = w.ink.line;
      context.setLineDash([2, 3]);
      if (pad) context.strokeRect(0.5, 0.5, cell * columns - 1, cell * rows - 1);
      context.restore();
      const plane = d.height * d.width;
      const colours = d.channels === 3 ? (place) => [0, 1, 2].map((channel) => Math.round(255 * shareOf(d.pixels[channel * plane + place]))) : (place) => grey(shareOf(d.pixels[place]));
      context.translate(pad * cell, pad * cell);
      context.drawImage(picture(Array.from({ length: plane }, (_, place) => place), d.width, d.height, colours), 0, 0, d.width * cell, d.height * cell);
      if (d.channels === 1) numbers(context, d.height, d.width, cell, (place) => d.pixels[place], (place) => (shareOf(d.pixels[place]) > 0.55 ? "#222" : "#ddd"));
      if (pen) {
        context.fillStyle = pen.ink ? "#fff" : "#000";
        for (const [line, column] of pen.cells) context.fillRect(column * cell, line * cell, cell, cell);
      }
      const [top, left] = corner();
      context.lineWidth = 3;
      context.strokeStyle = w.ink.plus;
      context.strokeRect(left * cell, top * cell, d.side * cell, d.side * cell);
      if (drawing) {
        context.lineWidth = 2;
        context.strokeStyle = w.ink.accent;
        context.strokeRect(spot[1] * cell, spot[0] * cell, cell, cell);
      }
    }, (width) => (d ? Math.min(width / (d.width + 2 * model.get("padding")), 460 / (d.height + 2 * model.get("padding"))) * (d.height + 2 * model.get("padding")) + 2 : 200));

    /** A map of results; those not yet reached are left empty. */
    function map(key, tallest, rowsOf, columnsOf, valuesOf, reached, marked) {
      const made = canvas(w, key, (context, width) => {
        if (!d) return;
        const [rows, columns, values] = [rowsOf(), columnsOf(), valuesOf()];
        const cell = cellOf(made, rows, columns, tallest);
        context.translate((width - cell * columns) / 2, 0);
        context.imageSmoothingEnabled = false;
        context.fillStyle = w.ink.panel;
        context.fillRect(0, 0, cell * columns, cell * rows);
        const back = [1, 3, 5].map((from) => parseInt(w.ink.panel.slice(from, from + 2), 16));
        const places = Array.from({ length: rows * columns }, (_, place) => place);
        context.drawImage(picture(places, columns, rows, (place) => (reached(place) ? diverging(values[place] / d.most.sums, w.dark) : back)), 0, 0, columns * cell, rows * cell);
        const strong = (place) => Math.abs(values[place] / d.most.sums) > 0.6;
        numbers(context, rows, columns, cell, (place) => (reached(place) ? values[place] : null), (place) => (strong(place) ? (values[place] > 0 ? "#221400" : "#fff") : w.ink.text));
        context.lineWidth = 1;
        context.strokeStyle = w.ink.line;
        context.strokeRect(0.5, 0.5, columns * cell - 1, rows * cell - 1);
        context.lineWidth = 3;
        context.strokeStyle = w.ink.plus;
        const [line, column] = marked();
        context.strokeRect(column * cell, line * cell, cell, cell);
      }, (width) => (d ? Math.min(width / columnsOf(), tallest / rowsOf()) * rowsOf() + 2 : 200));
      return made;
    }
    const output = map(() => w.say("convolution.label_result", { done: at() + 1, count: d?.count ?? 0 }), 460, () => d.down, () => d.across, () => d.activated, (place) => place <= at(), () => [Math.floor(at() / d.across), at() % d.across]);
    const pooledReached = (place) => (Math.floor(place / d.poolAcross) * 2 + 1) * d.across + (place % d.poolAcross) * 2 + 1 <= at();
    const small = map("convolution.pool", 230, () => d.poolDown, () => d.poolAcross, () => d.pooled, pooledReached, () => [Math.min(d.poolDown - 1, Math.floor(at() / d.across / 2)), Math.min(d.poolAcross - 1, Math.floor((at() % d.across) / 2))]);

    function pixelAt(x, y) {
      const pad = model.get("padding");
      const cell = cellOf(input, d.height + 2 * pad, d.width + 2 * pad);
      const left = (input.clientWidth - cell * (d.width + 2 * pad)) / 2;
      return [Math.floor(y / cell) - pad, Math.floor((x - left) / cell) - pad];
    }
    const inside = ([line, column]) => line >= 0 && column >= 0 && line < d.height && column < d.width;
    const moveTo = ([line, column]) => {
      const place = (pixel, last) => Math.max(0, Math.min(last, Math.round((pixel + model.get("padding") - (d.side - 1) / 2) / model.get("stride"))));
      go(place(line, d.down - 1) * d.across + place(column, d.across - 1));
    };
    const stroke = (cell) => {
      if (inside(cell) && !pen.cells.some((other) => String(other) === String(cell))) pen.cells.push(cell);
      spot = inside(cell) ? cell : spot;
      w.redraw();
    };
    const finish = () => {
      if (pen?.cells.length) w.tell({ do: "draw", cells: pen.cells.map(([line, column]) => [line, column, pen.ink]) });
      pen = null;
    };
    const penFor = ([line, column]) => ({ ink: shareOf(d.pixels[line * d.width + column]) > 0.5 ? 0 : 255, cells: [] });
    drag(w, input, {
      begin(x, y) {
        if (!d) return false;
        const cell = pixelAt(x, y);
        if (!drawing) return moveTo(cell), true;
        if (!inside(cell)) return false;
        pen = penFor(cell);
        stroke(cell);
        return true;
      },
      move: (x, y) => (pen ? stroke(pixelAt(x, y)) : moveTo(pixelAt(x, y))),
      end: finish,
    });
    drag(w, output, {
      begin: (x, y) => (d ? (toPlace(x, y), true) : false),
      move: (x, y) => toPlace(x, y),
    });
    function toPlace(x, y) {
      const cell = cellOf(output, d.down, d.across);
      const column = Math.floor((x - (output.clientWidth - cell * d.across) / 2) / cell);
      const line = Math.floor(y / cell);
      if (column >= 0 && column < d.across && line >= 0 && line < d.down) go(line * d.across + column);
    }
    for (const surface of [input, output]) {
      w.on(surface, "keydown", (event) => {
        const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
        if (drawing && surface === input && (step || event.key === " ")) {
          event.preventDefault();
          if (step) spot = [Math.max(0, Math.min(d.height - 1, spot[0] + step[0])), Math.max(0, Math.min(d.width - 1, spot[1] + step[1]))];
          else {
            pen = penFor(spot);
            stroke(spot);
            finish();
          }
          return w.redraw();
        }
        const to = step ? at() + step[0] * d.across + step[1] : { Home: 0, End: d.count - 1 }[event.key];
        if (to === undefined) return;
        event.preventDefault();
        go(to);
      });
    }

    // ---- the window's sum, in full

    const said = node("p", { class: "fofx-soft" });
    const names = { picture: node("p", { class: "conv-name" }), result: node("p", { class: "conv-name" }), pooled: node("p", { class: "conv-name" }), window: node("p", { class: "conv-name" }) };
    const calculation = node("div", { class: "conv-calc" });
    const total = node("p", { class: "conv-total", "aria-live": "off" });

    function block(key, values, most, edit) {
      const cells = Array.from(values, (value, place) => {
        const share = value === null ? 0 : value / most;
        const [red, green, blue] = diverging(share, w.dark);
        const ink = Math.abs(share) > 0.6 ? (share > 0 ? "#221400" : "#ffffff") : "var(--text)";
        const style = value === null ? null : `background:rgb(${red},${green},${blue});color:${ink}`;
        if (!edit) return node("span", { style, class: value === null ? "conv-out" : null, title: value === null ? w.say("convolution.outside") : String(value) }, value === null ? "0" : cellText(value));
        const field = node("input", { type: "number", step: "any", value: Number(value.toPrecision(3)), style, "data-place": place, "aria-label": w.say("convolution.cell", { row: Math.floor(place / d.side) + 1, column: (place % d.side) + 1 }) });
        field.addEventListener("change", () => {
          const all = Array.from(d.weights);
          all[place] = Number(field.value);
          w.tell({ do: "kernel", numbers: Array.from({ length: d.side }, (_, line) => all.slice(line * d.side, (line + 1) * d.side)) });
        });
        return field;
      });
      return node("div", { class: "conv-block" }, node("small", {}, w.say(key)), node("div", { class: "conv-grid", style: `--side:${d.side}` }, cells));
    }

    function explain() {
      if (!d) return;
      const [top, left] = corner();
      const area = d.side * d.side;
      const place = at() - model.get("first");
      const under = (channel) => Array.from({ length: area }, (_, cell) => {
        const [line, column] = [top + Math.floor(cell / d.side), left + (cell % d.side)];
        return inside([line, column]) ? d.pixels[(channel * d.height + line) * d.width + column] : null;
      });
      const edit = model.get("kernel") === "own";
      const held = document.activeElement?.dataset?.place;
      const ready = place >= 0 && (place + 1) * d.channels * area <= d.products.length;
      const rows = Array.from({ length: d.channels }, (_, channel) => {
        const weights = d.weights.subarray(channel * area, (channel + 1) * area);
        const products = ready ? d.products.subarray((place * d.channels + channel) * area, (place * d.channels + channel + 1) * area) : [];
        return node("div", { class: "conv-line", role: "group", "aria-label": w.say("convolution.channel", { number: channel + 1 }) },
          block("convolution.values", under(channel), d.most.pixels), node("b", {}, "×"),
          block("convolution.weights", weights, d.most.weights, edit), node("b", {}, "="),
          block("convolution.products", products, d.most.products));
      });
      calculation.replaceChildren(...rows);
      if (held !== undefined && edit) calculation.querySelector(`[data-place="${held}"]`)?.focus();
      const show = (value) => brief(value, 4);
      const text = { dots: show(d.dots[at()]), bias: brief(model.get("bias")), sum: show(d.sums[at()]), activated: show(d.activated[at()]) };
      total.replaceChildren(`${w.say("convolution.sum")} = `, node("strong", {}, w.say(model.get("relu") ? "convolution.calc_relu" : "convolution.calc", text)));
      names.window.textContent = w.say("convolution.window", { number: at() + 1, count: d.count, row: Math.floor(at() / d.across) + 1, column: (at() % d.across) + 1 });
      w.redraw();
    }

    function show() {
      title.textContent = w.say("convolution.title");
      about.textContent = w.say("convolution.about");
      if (!d) return;
      const from = model.get("source");
      digit.hidden = from !== "digit";
      row.hidden = from !== "run";
      row.querySelector("input").max = Math.max(0, model.get("rows") - 1);
      side.hidden = from !== "own";
      ksize.hidden = model.get("kernel") !== "own";
      filter.hidden = model.get("kernel") !== "filter";
      for (const control of [source, digit, row, side, kernel, filter, ksize, stride, padding, bias, relu, pool]) control.update();
      filter.querySelector("span").textContent = w.say("convolution.filter", { layer: model.get("layer").split(".").pop() });
      play.textContent = w.say(playing ? "kit.pause" : "kit.play");
      const scaled = model.get("kernel") === "filter" ? ` · ${w.say("convolution.scaled")}` : "";
      const colour = d.channels > 1 ? ` · ${w.say("convolution.channels", { count: d.channels })}` : "";
      names.picture.textContent = w.say("convolution.picture", d) + scaled + colour;
      names.result.textContent = w.say("convolution.result", { height: d.down, width: d.across });
      names.pooled.textContent = w.say("convolution.after", { height: d.poolDown, width: d.poolAcross });
      names.pooled.hidden = small.hidden = model.get("pool") === "none";
      explain();
    }

    let since = 0;
    w.loop(() => playing, (now) => {
      if (now - since < 1000 / speed) return;
      since = now;
      if (at() < d.count - 1) return go(at() + 1);
      playing = false;
      show();
    });
    w.root.append(
      title, about,
      node("div", { class: "fofx-row" }, source, digit, row, side, draws, clear, upload, file), said,
      node("div", { class: "fofx-row" }, kernel, filter, ksize, stride, padding, bias, relu, pool),
      node("div", { class: "fofx-row" }, steps),
      node("div", { class: "conv-parts" },
        node("div", {}, names.picture, input),
        node("div", { class: "conv-middle" }, names.window, calculation, total),
        node("div", {}, names.result, output, names.pooled, small)),
    );
    w.watch("size pixels weights products dots sums activated pooled", load);
    w.watch("size source kernel filter digit row rows side stride padding bias relu pool words layer", show);
    w.watch("at first theme", explain);
    load();
    show();
    return w.done;
  },
};
