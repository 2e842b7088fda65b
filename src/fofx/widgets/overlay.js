// A picture with boxes or a mask: the right answer and the given one side by side, over each other, or only where they differ.
// Which box found which, and every count, comes from Python. A class is told by its number as well as by its colour.

export default {
  render({ model, el }) {
    const w = widget(model, el, "overlay");
    const scene = () => model.get("scene");
    const has = (kind) => model.get("kinds").includes(kind);
    const shownClass = (number) => !model.get("hidden").includes(number);
    const className = (number) => model.get("classes")[number] ?? String(number);
    const bytes = (trait) => {
      const view = model.get(trait);
      return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
    };
    const parts = (css) => [1, 3, 5].map((from) => parseInt(css.slice(from, from + 2), 16));
    let spot = null; // the pixel of the mask that is read out, [line, column]
    let made = {}; // canvases made from the pixels, until other pixels come

    // ---- layers: each is made once and then only drawn

    function photograph() {
      const [height, width] = scene().picture;
      const pixels = bytes("picture");
      if (pixels.length !== height * width * 3) return null; // the rest is still on its way
      return (made.picture ??= picture(Array.from({ length: height * width }, (_, at) => at * 3), width, height, (at) => pixels.subarray(at, at + 3)));
    }

    /** A mask as colours over nothing; beyond eight classes every other line of a colour is left dark. */
    function layer(trait, only) {
      const key = `${trait} ${only} ${model.get("hidden")}`;
      if (made[key]) return made[key];
      const [height, width] = scene().mask;
      const [values, right] = [bytes(trait), bytes("mask")];
      if (!height || values.length !== height * width) return null;
      const sheet = document.createElement("canvas");
      [sheet.width, sheet.height] = [width, height];
      const image = sheet.getContext("2d").createImageData(width, height);
      for (let at = 0; at < values.length; at++) {
        const number = values[at];
        if (number === 255 || !shownClass(number) || (only && (right[at] === number || right[at] === 255))) continue;
        const striped = number >= CLASS_COLOURS.length && (Math.floor(at / width) + (at % width)) % 4 < 2;
        image.data.set([...(striped ? [20, 20, 20] : parts(classColour(number))), 255], at * 4);
      }
      sheet.getContext("2d").putImageData(image, 0, 0);
      return (made[key] = sheet);
    }

    function frame(context, box, width, height, colour, dashes, heavy) {
      const [left, top, wide, high] = [box[0] * width, box[1] * height, box[2] * width, box[3] * height];
      context.setLineDash([]);
      context.lineWidth = heavy ? 6 : 5;
      context.strokeStyle = "rgba(0, 0, 0, 0.65)"; // a dark seam, so that every colour is seen on every picture
      context.strokeRect(left, top, wide, high);
      context.setLineDash(dashes);
      context.lineWidth = heavy ? 3.5 : 2.5;
      context.strokeStyle = colour;
      context.strokeRect(left, top, wide, high);
      context.setLineDash([]);
    }

    function label(context, text, x, y, colour, width) {
      context.font = "600 12px system-ui, sans-serif";
      const wide = context.measureText(text).width + 8;
      const left = Math.max(0, Math.min(x, width - wide));
      const top = Math.max(0, y - 17);
      context.fillStyle = colour;
      context.fillRect(left, top, wide, 17);
      context.fillStyle = "#111";
      context.textAlign = "left";
      context.textBaseline = "middle";
      context.fillText(text, left + 4, top + 9);
    }

    /** `sides`: what to draw, of "right" and "answered". */
    function paint(context, width, height, sides, only) {
      const photo = photograph();
      if (!photo) return;
      context.imageSmoothingEnabled = photo.width > width;
      context.drawImage(photo, 0, 0, width, height);
      context.imageSmoothingEnabled = false;
      context.globalAlpha = model.get("strength");
      if (only && has("masks")) {
        context.fillStyle = w.dark ? "#000" : "#fff";
        context.fillRect(0, 0, width, height);
        context.globalAlpha = 1;
      }
      const mask = layer(sides.includes("answered") ? "answer" : "mask", only);
      if (mask) context.drawImage(mask, 0, 0, width, height);
      context.globalAlpha = 1;
      if (sides.includes("right")) {
        for (const each of scene().boxes) {
          if (!shownClass(each.class) || (only && each.verdict === "found")) continue;
          frame(context, each.box, width, height, classColour(each.class), sides.length > 1 || only ? [7, 5] : [], each.verdict === "missed");
          const lost = each.verdict === "missed" && model.get("view") !== "side" ? ` ${w.say("overlay.missed")}` : "";
          label(context, `${each.class + 1} ${className(each.class)}${lost}`, each.box[0] * width, (each.box[1] + each.box[3]) * height + 17, classColour(each.class), width);
        }
      }
      if (sides.includes("answered")) {
        for (const each of scene().answered.slice().reverse()) {
          if (!shownClass(each.class) || (only && each.verdict === "right")) continue;
          frame(context, each.box, width, height, classColour(each.class), [], each.verdict !== "right");
          const sign = each.verdict === "right" ? "✓" : "✗";
          label(context, `${sign} ${each.class + 1} ${className(each.class)} ${each.score.toFixed(2)}`, each.box[0] * width, each.box[1] * height, classColour(each.class), width);
        }
      }
      if (spot && scene().mask[0]) {
        const [high, wide] = [height / scene().mask[0], width / scene().mask[1]];
        context.lineWidth = 2;
        context.strokeStyle = w.ink.accent;
        context.strokeRect(spot[1] * wide - 2, spot[0] * high - 2, wide + 4, high + 4);
      }
    }

    const ratio = () => (scene().picture[0] || 1) / (scene().picture[1] || 1);
    const TALLEST = 480;
    function sheet(key, sides, only = () => false) {
      const named = () => `${w.say(key)}. ${tellBoxes()}`;
      const surface = canvas(w, named, (context, width, height) => {
        const wide = Math.min(width, TALLEST / ratio());
        context.translate((width - wide) / 2, 0);
        paint(context, wide, height, sides(), only());
      }, (width) => Math.min(width * ratio(), TALLEST));
      const read = (place) => {
        const [lines, columns] = scene().mask;
        const wide = Math.min(surface.clientWidth, TALLEST / ratio());
        const [x, y] = place ? [place[0] - (surface.clientWidth - wide) / 2, place[1]] : [-1, -1];
        const at = [Math.floor((y / surface.clientHeight) * lines), Math.floor((x / wide) * columns)];
        spot = place && lines && at[0] >= 0 && at[1] >= 0 && at[0] < lines && at[1] < columns ? at : null;
        tellSpot();
      };
      hovering(w, surface, read);
      w.on(surface, "keydown", (event) => {
        const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
        const [lines, columns] = scene().mask;
        if (!step || !lines) return;
        event.preventDefault();
        const from = spot ?? [lines >> 1, columns >> 1];
        const far = Math.max(1, Math.round(columns / 40));
        spot = [Math.max(0, Math.min(lines - 1, from[0] + step[0] * far)), Math.max(0, Math.min(columns - 1, from[1] + step[1] * far))];
        tellSpot();
        w.announce(said.textContent);
        w.redraw();
      });
      return node("figure", { class: "over-sheet" }, node("figcaption", {}), surface);
    }

    const tellBoxes = () => {
      if (!has("boxes")) return "";
      const count = (list, verdict) => list.filter((each) => each.verdict === verdict).length;
      return w.say("overlay.told", { right: scene().boxes.length, found: count(scene().boxes, "found"), answered: scene().answered.length });
    };

    // ---- the parts

    const title = node("h3");
    const about = node("p", { class: "fofx-soft" });
    const said = node("p", { class: "over-said", "aria-live": "off" });
    const first = sheet("overlay.right", () => ["right"]);
    const second = sheet("overlay.answered", () => (model.get("view") === "side" ? ["answered"] : ["right", "answered"]), () => model.get("view") === "wrong");
    const sheets = node("div", { class: "over-sheets" }, first, second);
    const key = node("div", { class: "fofx-scroll" });
    const strip = node("div", { class: "over-strip", role: "group" });

    function tellSpot() {
      const text = { row: (spot?.[0] ?? 0) + 1, column: (spot?.[1] ?? 0) + 1 };
      if (!spot || !scene().mask[0]) return (said.textContent = has("masks") ? w.say("overlay.point") : tellBoxes());
      const at = spot[0] * scene().mask[1] + spot[1];
      const name = (trait) => {
        const value = bytes(trait)[at];
        return value === undefined || value === 255 ? w.say("overlay.void") : `${value + 1} ${className(value)}`;
      };
      const sure = bytes("confidence").length ? ` (${Math.round((bytes("confidence")[at] / 255) * 100)} %)` : "";
      said.textContent = w.say("overlay.pixel", { ...text, right: name("mask"), answered: name("answer") + sure });
    }

    const views = choice(w, {
      key: "overlay.view",
      options: [["side", "overlay.view.side"], ["over", "overlay.view.over"], ["wrong", "overlay.view.wrong"]],
      get: () => model.get("view"),
      set: (view) => w.set({ view }),
    });
    const percent = (value) => `${Math.round(value * 100)} %`;
    const threshold = slider(w, { key: "overlay.threshold", min: 0, max: 1, step: 0.01, get: () => model.get("threshold"), set: (value) => w.set({ threshold: value }), show: (value) => value.toFixed(2) });
    const strength = slider(w, { key: "overlay.strength", min: 0, max: 1, step: 0.05, get: () => model.get("strength"), set: (value) => w.set({ strength: value }), show: percent });

    function swatch(number) {
      const style = `background:${classColour(number)}`;
      return node("span", { class: number >= CLASS_COLOURS.length ? "over-swatch over-striped" : "over-swatch", style }, String(number + 1));
    }

    function classes() {
      const held = el.contains(document.activeElement) ? document.activeElement.dataset?.class : null;
      const table = model.get("table");
      const share = (value) => (value === null ? "–" : value.toFixed(3));
      const head = [w.say("overlay.class")];
      if (has("boxes")) head.push(w.say("overlay.hits"), w.say("overlay.hits.all"));
      if (has("masks")) head.push(w.say("overlay.iou"), w.say("overlay.iou.all"));
      const rows = model.get("classes").map((name, number) => {
        const found = table[number];
        const box = node("input", { type: "checkbox", "data-class": String(number) });
        box.checked = shownClass(number);
        box.addEventListener("change", () => {
          const rest = model.get("hidden").filter((other) => other !== number);
          w.set({ hidden: box.checked ? rest : [...rest, number] });
        });
        const cells = [node("label", { class: "over-class" }, box, swatch(number), name)];
        const hits = ([right, answered, hit]) => w.say("overlay.of", { hit, right, answered });
        if (has("boxes")) cells.push(found ? hits(found.here) : "", found ? hits(found.all) : "");
        if (has("masks")) cells.push(found ? share(found.iou[0]) : "", found ? share(found.iou[1]) : "");
        return cells;
      });
      key.replaceChildren(grid(head, rows, w.say(has("boxes") ? "overlay.key.boxes" : "overlay.key.masks")));
      if (held) key.querySelector(`[data-class="${held}"]`)?.focus();
    }

    function rows() {
      const order = model.get("order");
      strip.hidden = order.length < 2;
      strip.setAttribute("aria-label", w.say("overlay.strip"));
      const [side, all] = [model.get("thumb"), bytes("thumbs")];
      const size = side * side * 3;
      if (all.length < order.length * size) return;
      const held = el.contains(document.activeElement) ? document.activeElement.dataset?.row : null;
      strip.replaceChildren(
        ...order.map((number) => {
          const mistakes = model.get("mistakes")[number];
          const text = w.say("overlay.row", { name: model.get("names")[number], mistakes: brief(mistakes) });
          const small = picture(Array.from({ length: side * side }, (_, at) => number * size + at * 3), side, side, (at) => all.subarray(at, at + 3));
          small.setAttribute("aria-hidden", "true");
          const press = node("button", { type: "button", "aria-pressed": String(number === model.get("row")), "aria-label": text, title: text, "data-row": String(number) }, small, node("small", {}, brief(mistakes)));
          press.addEventListener("click", () => w.set({ row: number }));
          return press;
        }),
      );
      if (held) strip.querySelector(`[data-row="${held}"]`)?.focus({ preventScroll: true });
    }

    function show() {
      title.textContent = w.say("overlay.title");
      about.textContent = w.say(has("boxes") ? "overlay.about.boxes" : "overlay.about.masks");
      for (const control of [views, threshold, strength]) control.update();
      threshold.hidden = !model.get("scored");
      strength.hidden = !has("masks");
      const side = model.get("view") === "side";
      first.hidden = !side;
      first.querySelector("figcaption").textContent = w.say("overlay.right");
      second.querySelector("figcaption").textContent = side ? w.say("overlay.answered") : w.say(has("boxes") ? "overlay.both" : model.get("view") === "wrong" ? "overlay.only" : "overlay.answered");
      stripName.textContent = w.say("overlay.strip");
      stripName.hidden = model.get("order").length < 2;
      classes();
      rows();
      tellSpot();
      w.redraw();
    }

    const stripName = node("p", { class: "fofx-soft" });
    w.root.append(title, about, node("div", { class: "fofx-row" }, views, threshold, strength), sheets, said, stripName, strip, key);
    w.watch("picture mask answer confidence", () => {
      made = {};
      w.redraw();
    });
    w.watch("scene", () => {
      made = {};
      spot = null;
      tellSpot();
      w.redraw();
    });
    w.watch("table hidden", classes);
    w.watch("order mistakes row", rows);
    w.watch("hidden strength theme", () => w.redraw());
    w.watch("view words classes kinds names", show);
    show();
    return w.done;
  },
};
