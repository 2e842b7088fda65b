// Two things side by side, what was answered about them, and over each what carried the answer, in one scale of colours.

export default {
  render({ model, el }) {
    const w = widget(model, el, "sides");
    const side = (number) => model.get("sides")[number] ?? {};

    /** A picture, and over it its heat: blue carried the answer, orange spoke against it; what did neither is clear. */
    function pictureView(number, prefix) {
      let made = {};
      const sheet = (trait, height, width, each, colour) => {
        const view = model.get(prefix + trait);
        if (!height || view.byteLength !== height * width * each) return null;
        return (made[trait] ??= colour(view));
      };
      const photo = () => {
        const [height, width] = side(number).picture ?? [0, 0];
        return sheet("picture", height, width, 3, (view) => {
          const pixels = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
          return picture(Array.from({ length: height * width }, (_, at) => at * 3), width, height, (at) => pixels.subarray(at, at + 3));
        });
      };
      const heat = () => {
        const [height, width] = side(number).heat ?? [0, 0];
        return sheet("heat", height, width, 4, (view) => {
          const values = floats(view);
          const over = document.createElement("canvas");
          [over.width, over.height] = [width, height];
          const image = over.getContext("2d").createImageData(width, height);
          values.forEach((value, at) => image.data.set([...(value > 0 ? [0, 114, 220] : [230, 110, 0]), Math.round(190 * Math.min(1, Math.abs(value)))], at * 4));
          over.getContext("2d").putImageData(image, 0, 0);
          return over;
        });
      };
      const ratio = () => (side(number).picture?.[0] ?? 1) / (side(number).picture?.[1] || 1);
      const surface = canvas(w, () => w.say(number ? "sides.label.second" : "sides.label.first"), (context, width, height) => {
        const shown = photo();
        if (!shown) return;
        const wide = Math.min(width, model.get("tallest") / ratio());
        context.imageSmoothingEnabled = shown.width > wide;
        context.drawImage(shown, (width - wide) / 2, 0, wide, height);
        const over = model.get("heat") ? heat() : null;
        context.imageSmoothingEnabled = true;
        if (over) context.drawImage(over, (width - wide) / 2, 0, wide, height);
      }, (width) => Math.min(width * ratio(), model.get("tallest")));
      w.watch(`sides ${prefix}picture ${prefix}heat`, () => {
        made = {};
        w.redraw();
      });
      return surface;
    }

    /** A text with its spans shaded; a sign tells the two directions apart as well as the colour. */
    function textView(number) {
      const place = node("p", { class: "sides-text", tabindex: "0" });
      const fill = () => {
        const { text = "", spans = [] } = side(number);
        if (!model.get("heat") || !spans.length) return place.replaceChildren(text);
        const parts = [];
        let at = 0;
        for (const [start, end, effect] of spans.slice().sort((a, b) => a[0] - b[0])) {
          if (start < at) continue;
          parts.push(text.slice(at, start));
          const colour = effect > 0 ? "0, 114, 220" : "230, 110, 0";
          const style = `background: rgba(${colour}, ${(0.75 * Math.min(1, Math.abs(effect))).toFixed(3)})`;
          parts.push(node("span", { style, class: effect < -0.25 ? "sides-against" : null, title: brief(effect) }, text.slice(start, end)));
          at = end;
        }
        place.replaceChildren(...parts, text.slice(at));
      };
      w.watch("sides heat words", fill);
      fill();
      return place;
    }

    const title = node("h3");
    const answer = node("p", { class: "sides-answer" });
    const about = node("p", { class: "fofx-soft" });
    const boxes = [0, 1].map((number) => {
      const prefix = number ? "second_" : "first_";
      const kind = side(number).kind;
      const inner = kind === "sound" ? soundView(w, prefix, "sound.label").element : kind === "video" ? clipView(w, prefix).element : kind === "text" ? textView(number) : pictureView(number, prefix);
      const name = node("h4");
      return { name, element: node("div", { class: "sides-box", role: "group" }, name, inner) };
    });
    const shown = tick(w, { key: "sides.heat", get: () => model.get("heat"), set: (heat) => w.set({ heat }) });

    const explained = () => model.get("sides").some((each) => each.heat || each.spans?.length);
    function show() {
      const { value, share, right } = model.get("answer");
      title.textContent = w.say("sides.title");
      const sure = share === undefined || share === null ? "" : ` (${(100 * share).toFixed(share > 0.995 || share < 0.005 ? 1 : 0)} %)`;
      const sign = right === undefined || right === null || value === undefined ? "" : right === value ? "✓ " : "✗ ";
      const parts = [value === undefined ? "" : `${sign}${w.say("sides.answer", { value })}${sure}`, right === undefined || right === null ? "" : w.say("sides.right", { right })];
      answer.textContent = parts.filter(Boolean).join(" · ");
      boxes.forEach(({ name, element }, number) => {
        name.textContent = side(number).name || w.say(number ? "sides.second" : "sides.first");
        element.setAttribute("aria-label", name.textContent);
      });
      shown.hidden = !explained();
      about.hidden = !explained();
      about.textContent = w.say("sides.about");
      shown.update();
      w.redraw();
    }
    w.root.append(title, answer, node("div", { class: "fofx-split" }, boxes.map(({ element }) => element)), shown, about);
    w.watch("sides answer heat words", show);
    show();
    return w.done;
  },
};
