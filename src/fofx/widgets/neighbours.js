// Nearest neighbours on a map: stand somewhere, and the K nearest vote; every K at once; who wins where.

export default {
  render({ model, el }) {
    const w = widget(model, el, "neighbours");
    const s = study(w);
    const of = (key) => s.view()[key];
    const NAMES = { Peking: "neighbours.peking", Tsinghua: "neighbours.tsinghua", Sichuan: "neighbours.sichuan" };
    const STANDS = { "at Peking": "neighbours.at-peking", between: "neighbours.between", "at Sichuan": "neighbours.at-sichuan", "at Tsinghua": "neighbours.at-tsinghua" };
    const own = () => Object.keys(s.state.table).length > 0;
    const called = (number) => {
      const name = of("classes")[number];
      return !own() && NAMES[name] ? w.say(NAMES[name]) : name;
    };
    let tool = "stand";
    let kind = 0; // the class of a new point
    let chosen = -1;

    // ---- the map
    let x, y;
    let painted = {};
    const map = canvas(w, () => w.say("neighbours.map", { x: figure(s.state.asked[0]), y: figure(s.state.asked[1]) }), paintMap, tall);
    /** Equally long units in both directions, where that gives a picture of a usable form. */
    function tall(width) {
      const { window: range } = s.view();
      const part = (range.y[1] - range.y[0]) / (range.x[1] - range.x[0]);
      return Math.round((width - 48) * (part > 0.5 && part < 1.15 ? part : width < 500 ? 0.85 : 0.75) + 60);
    }
    function ground() {
      const [rows, columns] = of("ground");
      const bytes = w.model.get("ground");
      if (painted.bytes === bytes && painted.dark === w.dark) return painted.image;
      const values = floats(bytes);
      const count = rows * columns;
      const cells = Array.from({ length: count }, (_, at) => at);
      const few = 1 / of("classes").length;
      const image = picture(cells, columns, rows, (at) => between(w.ink.back, classColour(values[at]), 0.1 + 0.34 * Math.max(0, (values[count + at] - few) / (1 - few))));
      painted = { bytes, dark: w.dark, image };
      return image;
    }
    function paintMap(context, width, height) {
      const { window: range, near, reach } = s.view();
      const { ink } = w;
      const { asked } = s.state;
      x = scale(range.x, [40, width - 8]);
      y = scale(range.y, [height - 38, 22]);
      context.save();
      context.beginPath();
      context.rect(40, 22, width - 48, height - 60);
      context.clip();
      if (of("ground")) {
        const [rows, columns] = of("ground");
        const [dot, row] = [(width - 48) / (columns - 1), (height - 60) / (rows - 1)];
        context.imageSmoothingEnabled = true;
        context.drawImage(ground(), 40 - dot / 2, 22 - row / 2, width - 48 + dot, height - 60 + row);
      }
      const places = floats(w.model.get("places"));
      const count = places.length / 3;
      context.lineWidth = near.length > 60 ? 0.7 : 1.2;
      near.forEach((at) => {
        context.strokeStyle = glass(classColour(places[at * 3 + 2]), near.length > 60 ? 0.5 : 0.9);
        context.beginPath();
        context.moveTo(x(asked[0]), y(asked[1]));
        context.lineTo(x(places[at * 3]), y(places[at * 3 + 1]));
        context.stroke();
      });
      const size = (count > 300 ? 2.7 : count > 80 ? 4 : 5.5) * (width < 500 ? 0.72 : 1);
      const inside = new Set(near);
      for (let at = 0; at < count; at++) {
        const asks = inside.has(at);
        context.fillStyle = glass(classColour(places[at * 3 + 2]), asks ? 1 : 0.72);
        context.strokeStyle = at === chosen ? ink.accent : asks ? ink.text : glass(ink.back, 0.8);
        context.lineWidth = at === chosen ? 3 : asks ? 0.9 : 0.6;
        mark(context, places[at * 3 + 2], x(places[at * 3]), y(places[at * 3 + 1]), asks ? size * 1.15 : size);
      }
      const [px, py] = [x(asked[0]), y(asked[1])];
      const [rx, ry] = [Math.abs(x(reach[0]) - x(0)), Math.abs(y(reach[1]) - y(0))];
      context.strokeStyle = ink.text;
      context.lineWidth = 1.4;
      context.setLineDash([6, 4]);
      context.beginPath();
      if (s.state.distance === "manhattan") [[rx, 0], [0, ry], [-rx, 0], [0, -ry], [rx, 0]].forEach(([dx, dy]) => context.lineTo(px + dx, py + dy));
      else context.ellipse(px, py, rx, ry, 0, 0, 7);
      context.stroke();
      context.setLineDash([]);
      context.fillStyle = ink.back;
      context.strokeStyle = ink.text;
      context.lineWidth = 2;
      context.beginPath();
      context.arc(px, py, 9, 0, 7);
      context.fill();
      context.stroke();
      context.fillStyle = classColour(of("winner"));
      context.beginPath();
      context.arc(px, py, 5, 0, 7);
      context.fill();
      context.restore();
      axes(context, w, x, y, own() ? [s.state.across, s.state.up] : ["", ""]);
    }
    const within = (value, [low, high]) => Math.min(high, Math.max(low, value));
    const stand = (px, py) => s.slide({ asked: [within(x.back(px), of("window").x), within(y.back(py), of("window").y)] });
    const hit = (px, py) => {
      const places = floats(w.model.get("places"));
      let [best, far] = [-1, 14];
      for (let at = 0; at * 3 < places.length; at++) {
        const away = Math.hypot(x(places[at * 3]) - px, y(places[at * 3 + 1]) - py);
        if (away < far) [best, far] = [at, away];
      }
      return best;
    };
    drag(w, map, {
      begin(px, py) {
        if (tool === "stand") {
          stand(px, py);
          return true;
        }
        chosen = hit(px, py);
        if (chosen < 0) s.act({ do: "add", x: tidy(x.back(px)), y: tidy(y.back(py)), label: of("classes")[kind] });
        refresh();
        return false;
      },
      move: stand,
    });
    w.on(map, "keydown", (event) => {
      if (["Delete", "Backspace"].includes(event.key) && chosen >= 0) remove();
      const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
      if (!way) return;
      event.preventDefault();
      const { window: range } = s.view();
      const step = (axis, by) => within(s.state.asked[axis] + (by * (range[axis ? "y" : "x"][1] - range[axis ? "y" : "x"][0])) / 60, range[axis ? "y" : "x"]);
      s.set({ asked: [step(0, way[0]), step(1, way[1])] });
    });

    // ---- every K at once
    const wide = (width) => scale([1, Math.sqrt(of("rows"))], [8, width - 8]);
    const hidden = () => w.model.get("ask") && s.state.guess === null;
    const ballot = canvas(w, "neighbours.every", (context, width, height) => {
      const { ink } = w;
      const shares = floats(w.model.get("ballot"));
      const across = wide(width);
      const count = of("classes").length;
      const [top, bottom] = [14, height - 20];
      for (let px = 8; px < width - 8; px++) {
        const k = Math.max(1, Math.min(of("rows"), Math.round(across.back(px + 0.5) ** 2)));
        if (hidden() && k > of("k")) {
          context.fillStyle = ink.panel;
          context.fillRect(px, top, 1, bottom - top);
          continue;
        }
        let from = bottom;
        for (let one = 0; one < count; one++) {
          const tall = shares[(k - 1) * count + one] * (bottom - top);
          context.fillStyle = classColour(one);
          context.fillRect(px, from - tall, 1.2, tall);
          from -= tall;
        }
      }
      context.fillStyle = ink.soft;
      context.textBaseline = "top";
      context.textAlign = "center";
      if (hidden() && across(Math.sqrt(of("k"))) < width - 60) {
        context.font = "600 22px system-ui";
        context.fillText("?", (across(Math.sqrt(of("k"))) + width) / 2, (top + bottom) / 2 - 12);
        context.font = "12px system-ui";
      }
      let last = -100;
      for (const k of [1, 5, 20, 50, 100, 200, 400, 800, 1200, 2000].filter((one) => one <= of("rows"))) {
        if (across(Math.sqrt(k)) - last < 26) continue;
        last = across(Math.sqrt(k));
        context.fillText(String(k), Math.min(last, width - 12), bottom + 4);
      }
      const here = across(Math.sqrt(of("k")));
      context.strokeStyle = ink.text;
      context.fillStyle = ink.text;
      context.lineWidth = 2;
      context.beginPath();
      context.moveTo(here, 4);
      context.lineTo(here, bottom);
      context.stroke();
      context.beginPath();
      context.arc(here, 6, 5, 0, 7);
      context.fill();
    }, (width) => (width < 400 ? 120 : 132));
    const toK = (px) => s.slide({ k: Math.max(1, Math.min(of("rows"), Math.round(wide(ballot.clientWidth).back(px) ** 2))) });
    drag(w, ballot, {
      begin(px) {
        toK(px);
        return true;
      },
      move: toK,
    });
    w.on(ballot, "keydown", (event) => {
      const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (by) s.set({ k: Math.max(1, Math.min(of("rows"), of("k") + by)) });
    });

    // ---- the vote, and the nearest with their distances
    const vote = node("div", { class: "neighbours-vote", role: "status" });
    s.shows(() => {
      const { votes, k, winner, tie, outside } = s.view();
      const bars = votes.map((count, number) =>
        node("div", { class: "neighbours-bar", "data-winner": String(number === winner) }, sign(w, number), node("span", { class: "neighbours-who" }, called(number)), node("span", { class: "neighbours-track" }, node("span", { style: `width:${(100 * count) / k}%;background:${classColour(number)}` })), node("output", {}, String(count))),
      );
      const verdict = node("p", { class: "neighbours-verdict" }, w.say("neighbours.verdict", { k, name: called(winner), count: votes[winner] }), tie ? ` ${w.say("neighbours.tie")}` : "", outside ? ` ${w.say("neighbours.outside")}` : "");
      vote.replaceChildren(verdict, ...bars);
    });
    const list = node("div", { class: "fofx-scroll neighbours-list" });
    const byHand = node("div", { class: "study-formula" });
    s.shows(() => {
      const { listed, steps } = s.view();
      list.replaceChildren(grid(["", own() ? s.state.across : "x", own() ? s.state.up : "y", w.say("neighbours.who"), w.say("neighbours.distance")], listed.map((each, rank) => [String(rank + 1), figure(each.x), figure(each.y), called(each.class), figure(each.distance, 3, true)])));
      const [dx, dy] = steps[0];
      const euclid = s.state.distance === "euclidean";
      const terms = euclid ? `√((${figure(dx, 3)})² + (${figure(dy, 3)})²)` : `|${figure(dx, 3)}| + |${figure(dy, 3)}|`;
      byHand.replaceChildren(node("i", {}, "d"), node("sub", {}, "1"), ` = ${terms} = ${figure(listed[0].distance, 3)}`);
    });

    // ---- controls
    const roots = { to: Math.sqrt, from: (place) => Math.max(1, Math.round(place ** 2)) };
    const many = dial(w, s, { key: "neighbours.k", min: 1, max: () => Math.sqrt(of("rows")), step: 0.01, get: () => of("k"), set: (k) => s.slide({ k }), ...roots, wide: true });
    const exact = numeral(w, s, { key: "neighbours.k-exact", get: () => of("k"), set: (k) => s.set({ k: Math.max(1, Math.min(of("rows"), Math.round(k))) }), step: 1, width: 70 });
    const measure = segments(w, s, { key: "neighbours.measure", options: [["euclidean", "neighbours.euclidean"], ["manhattan", "neighbours.manhattan"]], get: () => s.state.distance, set: (distance) => s.set({ distance }) });
    const box = (key, field) => {
      const made = tick(w, { key, get: () => s.state[field], set: (value) => s.set({ [field]: value }) });
      s.shows(made.update);
      return made;
    };
    const stands = node("div", { class: "neighbours-stands fofx-row" });
    s.shows(() => {
      stands.hidden = of("stands").length === 0;
      stands.replaceChildren(
        ...of("stands").map((each) => {
          const here = each.k === of("k") && each.asked.every((value, axis) => Math.abs(value - s.state.asked[axis]) < 1e-9);
          return node("button", { type: "button", class: "fofx-button", "aria-pressed": String(here), click: () => s.set({ asked: each.asked, k: each.k }) }, w.say(STANDS[each.name]), ` · K = ${each.k}`);
        }),
      );
    });
    const tools = segments(w, s, { options: [["stand", "neighbours.stand"], ["place", "neighbours.place"]], get: () => tool, set: (wanted) => { tool = wanted; chosen = -1; refresh(); } });
    const kinds = segments(w, s, { key: "neighbours.class", options: () => of("classes").map((_, number) => [number, called(number)]), get: () => kind, set: (number) => { kind = number; refresh(); } });
    const remove = () => {
      s.act({ do: "remove", row: chosen });
      chosen = -1;
      refresh();
    };
    const drop = button(w, "neighbours.remove", remove);
    function refresh() {
      tools.querySelectorAll("button").forEach((item, number) => item.setAttribute("aria-pressed", String((tool === "place") === (number === 1))));
      kinds.querySelectorAll("button").forEach((item, number) => item.setAttribute("aria-pressed", String(kind === number)));
      kinds.hidden = drop.hidden = tool !== "place";
      drop.disabled = chosen < 0;
      w.redraw();
    }
    s.shows(refresh);
    const columns = node("div", { class: "fofx-row" });
    s.shows(() => {
      columns.hidden = !own();
      const select = (key, field, wanted) => {
        const list = node("select", { change: (event) => s.act({ do: "columns", [field]: event.target.value }) }, of("columns").filter(([, numeric]) => !wanted || numeric).map(([name]) => node("option", { value: name }, name)));
        list.value = s.state[field];
        return node("label", { class: "fofx-control" }, node("span", {}, w.say(key)), list);
      };
      columns.replaceChildren(select("neighbours.across", "across", true), select("neighbours.up", "up", true), select("neighbours.label", "label", false));
    });
    const guess = guessing(w, s, {
      question: () => w.say("neighbours.question", { k: of("k"), count: of("votes")[of("winner")], name: called(of("winner")), twice: of("answer").twice }),
      reply: (answer, guessed) => {
        const then = w.say("neighbours.then", { twice: answer.twice, count: answer.then, name: called(answer.winner), second: called(answer.second) });
        return guessed === null ? then : `${w.say("neighbours.guessed", { value: figure(guessed) })} ${then}`;
      },
    });
    const pasted = pasting(w, s, { help: "neighbours.paste", text: () => (of("rows") <= 300 ? tableText(s.state.table) : "") });
    w.root.append(
      heading(w, s, "neighbours.title", "neighbours.about"),
      stands,
      guess,
      columns,
      node(
        "div",
        { class: "fofx-split" },
        node("div", {}, map, node("div", { class: "fofx-row" }, tools, kinds, drop), node("div", { class: "fofx-row" }, measure, box("neighbours.regions", "regions"), box("neighbours.scaled", "scaled"))),
        node("div", {}, vote, node("div", { class: "neighbours-k" }, many, exact), words(w, "h4", "neighbours.every"), ballot, words(w, "p", "neighbours.every.about", { class: "fofx-soft" }), words(w, "h4", "neighbours.nearest"), byHand, list),
      ),
      pasted,
    );
    return w.done;
  },
};
