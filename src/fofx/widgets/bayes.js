// Bayes' rule as areas in a square, update after update; and naive Bayes as factors that are multiplied.

export default {
  render({ model, el }) {
    const w = widget(model, el, "bayes");
    const s = study(w);
    const of = (key) => s.view()[key];
    const NAMES = { plane: "bayes.plane", train: "bayes.train", car: "bayes.car", arrived: "bayes.arrived", "same day": "bayes.same-day", known_sender: "bayes.known-sender", spam_keyword: "bayes.spam-keyword", suspicious_attachment: "bayes.suspicious-attachment" };
    const called = (name) => (NAMES[name] ? w.say(NAMES[name]) : name);
    const percent = (part, digits = 0) => `${figure(part * 100, digits)}%`;
    const hidden = () => w.model.get("ask") && s.state.guess === null;
    const updating = () => s.state.part === "update";
    let about = 0; // the cause whose sum is written out

    // ---- one update: a square whose columns are the prior, filled as high as the likelihood; below, what is left of it
    const said = (piece) => (s.state.evidence[piece].seen ? called(s.state.evidence[piece].name) : w.say("bayes.not-so", { name: called(s.state.evidence[piece].name) }));
    const panels = [0, 1, 2].map((number) => {
      const update = () => of("updates")[number];
      const box = { left: 42, top: 10, right: 10 };
      const size = (width, height) => [width - box.left - box.right, height - 92];
      let held = null;
      const picture = canvas(
        w,
        () => (update() ? w.say("bayes.square", { name: said(update().piece) }) : ""),
        (context, width, height) => {
          if (!update()) return;
          const { ink } = w;
          const { prior, likelihood, product, posterior, piece } = update();
          const [wide, tall] = size(width, height);
          const { seen } = s.state.evidence[piece];
          const floor = box.top + tall;
          context.strokeStyle = ink.line;
          context.fillStyle = ink.soft;
          context.textAlign = "right";
          context.textBaseline = "middle";
          for (const part of [0, 0.5, 1]) context.fillText(percent(part), box.left - 4, floor - part * tall);
          let from = box.left;
          (prior ?? []).forEach((share, cause) => {
            const colour = classColour(cause);
            context.fillStyle = glass(colour, w.dark ? 0.18 : 0.16);
            context.fillRect(from, box.top, share * wide, tall);
            const high = likelihood[cause] * tall;
            context.fillStyle = colour;
            context.fillRect(from, floor - high, share * wide, high);
            context.strokeStyle = ink.back;
            context.lineWidth = 2;
            context.strokeRect(from, box.top, share * wide, tall);
            if (share * wide > 34) {
              context.textAlign = "center";
              context.fillStyle = ink.text;
              context.textBaseline = "top";
              context.fillText(percent(share, 1), from + (share * wide) / 2, floor + 4);
              context.fillStyle = high > 22 ? "#161514" : ink.text;
              context.textBaseline = "middle";
              context.font = "600 13px system-ui, sans-serif";
              context.fillText(figure(product[cause], 3), from + (share * wide) / 2, high > 22 ? floor - high / 2 : floor - high - 12);
              context.font = "12px system-ui, sans-serif";
            }
            context.fillStyle = ink.text; // the handle of the likelihood
            context.fillRect(from + (share * wide) / 2 - 14, floor - high - 2, 28, 4);
            from += share * wide;
            if (number === 0 && cause < prior.length - 1) {
              context.fillStyle = ink.text; // the handle of the prior
              context.fillRect(from - 2, floor - 12, 4, 24);
            }
          });
          context.fillStyle = ink.soft;
          context.textAlign = "left";
          context.textBaseline = "top";
          const strip = floor + 46;
          context.fillText(w.say("bayes.left", { name: seen ? called(s.state.evidence[piece].name) : said(piece), share: figure(update().evidence, 3) }), box.left, floor + 25);
          if (!posterior || hidden()) {
            context.fillStyle = ink.panel;
            context.fillRect(box.left, strip, wide, 30);
            context.fillStyle = ink.soft;
            context.textAlign = "center";
            context.textBaseline = "middle";
            context.font = "600 16px system-ui, sans-serif";
            context.fillText(posterior ? "?" : "–", box.left + wide / 2, strip + 15);
            return;
          }
          from = box.left;
          posterior.forEach((share, cause) => {
            context.fillStyle = classColour(cause);
            context.fillRect(from, strip, share * wide, 30);
            if (share * wide > 38) {
              context.fillStyle = "#161514";
              context.textAlign = "center";
              context.textBaseline = "middle";
              context.font = "600 13px system-ui, sans-serif";
              context.fillText(percent(share, 1), from + (share * wide) / 2, strip + 15);
            }
            from += share * wide;
          });
        },
        (width) => Math.min(width * 0.86, 420),
      );
      const inside = (value) => Math.round(100 * Math.min(1, Math.max(0, value)));
      drag(w, picture, {
        begin(px, py) {
          const [wide, tall] = size(picture.clientWidth, picture.clientHeight);
          let from = box.left;
          held = null;
          (update().prior ?? []).forEach((share, cause) => {
            const to = from + share * wide;
            const high = box.top + tall * (1 - update().likelihood[cause]);
            if (number === 0 && cause < update().prior.length - 1 && Math.abs(px - to) < 11 && Math.abs(py - high) > 16) held = ["border", cause];
            else if (!held && px >= from && px < to && py < box.top + tall + 12) held = ["chance", cause];
            from = to;
          });
          if (!held) return false;
          about = held[1];
          return true;
        },
        move(px, py) {
          const [wide, tall] = size(picture.clientWidth, picture.clientHeight);
          if (held[0] === "border") return s.follow({ do: "border", border: held[1], value: inside((px - box.left) / wide) });
          const part = inside(1 - (py - box.top) / tall);
          const { piece } = update();
          s.follow({ do: "chance", piece, cause: held[1], value: s.state.evidence[piece].seen ? part : 100 - part });
        },
      });
      const name = node("h4", {});
      const seen = node("div", {});
      const panel = node("div", { class: "bayes-panel" }, node("div", { class: "study-line" }, name, seen), picture);
      s.shows(() => {
        panel.hidden = !update();
        if (!update()) return;
        name.textContent = w.say("bayes.update", { number: number + 1 });
        const { piece } = update();
        seen.replaceChildren(
          node("span", { class: "study-segments", role: "group" }, [true, false].map((value) => node("button", { type: "button", "aria-pressed": String(s.state.evidence[piece].seen === value), click: () => s.act({ do: "piece", piece, seen: value }) }, value ? called(s.state.evidence[piece].name) : w.say("bayes.not-so", { name: called(s.state.evidence[piece].name) })))),
        );
      });
      return panel;
    });

    // ---- the same by sliders, and the sum in numbers
    const table = node("div", { class: "bayes-causes" });
    const used = () => s.state.evidence.map((piece, number) => [piece, number]).filter(([piece]) => piece.used);
    let shape = "";
    let dials = [];
    s.shows(() => {
      const now = JSON.stringify([s.state.names, used().map(([piece, number]) => [piece.name, number]), w.model.get("lang")]);
      if (now !== shape) {
        shape = now;
        build();
      }
      dials.forEach((update) => update());
    });
    function build() {
      dials = [];
      const range = (name, most, get, send) => {
        const input = node("input", { type: "range", min: 0, max: most, step: 1, "aria-label": name });
        const shown = node("output");
        input.addEventListener("input", () => {
          shown.textContent = input.value;
          send(Number(input.value));
        });
        dials.push(() => {
          if (document.activeElement === input && !s.idle) return;
          input.value = get();
          shown.textContent = get();
        });
        return node("label", { class: "bayes-range" }, node("span", {}, name), input, shown);
      };
      table.replaceChildren(
        ...s.state.names.map((name, cause) => {
          const title = node("input", { type: "text", value: called(name), maxlength: 40, "aria-label": w.say("bayes.name"), change: (event) => event.target.value.trim() && s.act({ do: "rename", cause, name: event.target.value.trim() }) });
          const drop = node("button", { type: "button", class: "fofx-button study-quiet", "aria-label": w.say("bayes.drop", { name: called(name) }), disabled: s.state.names.length < 3, click: () => s.act({ do: "drop", cause }) }, "×");
          return node(
            "div",
            { class: "bayes-cause" },
            node("div", { class: "bayes-title" }, node("span", { class: "bayes-swatch", style: `background:${classColour(cause)}` }), title, drop),
            range(w.say("bayes.prior"), 100, () => s.state.prior[cause], (value) => s.follow({ do: "prior", cause, value })),
            used().map(([piece, number]) => range(w.say("bayes.chance", { name: called(piece.name) }), 100, () => s.state.evidence[number].chances[cause], (value) => s.follow({ do: "chance", piece: number, cause, value }))),
          );
        }),
      );
    }
    const formula = node("div", { class: "study-formula bayes-formula" });
    s.shows(() => {
      const rows = of("updates");
      if (!updating()) return;
      about = Math.min(about, s.state.names.length - 1);
      if (hidden()) return formula.replaceChildren(node("span", { class: "fofx-soft" }, w.say("bayes.after-guess")));
      formula.replaceChildren(
        ...rows.map((row, number) => {
          const cause = called(s.state.names[about]);
          const what = rows.slice(0, number + 1).map((each) => said(each.piece)).join(w.say("bayes.comma"));
          if (!row.posterior) return node("div", {}, w.say("bayes.impossible"));
          const term = (at) => `${figure(row.prior[at], 3)} · ${figure(row.likelihood[at], 2)}`;
          const parts = row.parts?.[about];
          return node(
            "div",
            {},
            `P(${cause} | ${what}) = `,
            fraction(term(about), s.state.names.map((_, at) => term(at)).join(" + ")),
            " = ",
            fraction(figure(row.product[about], 4), figure(row.evidence, 4)),
            " = ",
            parts && row.posterior[about] !== 0 && parts[1] > 1 ? [fraction(String(parts[0]), String(parts[1])), " = "] : "",
            node("strong", {}, figure(row.posterior[about], 3)),
          );
        }),
      );
    });
    const which = segments(w, s, { key: "bayes.about", options: () => s.state.names.map((name, number) => [number, called(name)]), get: () => about, set: (number) => { about = number; s.refresh(); } });
    const more = node("div", { class: "fofx-row" });
    s.shows(() => {
      const { evidence, names } = s.state;
      if (more.contains(document.activeElement) && document.activeElement.type === "text") return; // somebody is typing
      const title = (piece, number) => node("input", { type: "text", value: called(piece.name), maxlength: 40, style: "width:130px", "aria-label": w.say("bayes.evidence"), change: (event) => event.target.value.trim() && s.act({ do: "piece", piece: number, name: event.target.value.trim() }) });
      const pieces = evidence.map((piece, number) => number === 0 ? node("label", { class: "fofx-control" }, w.say("bayes.known"), title(piece, 0)) : node("label", { class: "fofx-control fofx-tick" }, Object.assign(node("input", { type: "checkbox", change: (event) => s.act({ do: "piece", piece: number, used: event.target.checked }) }), { checked: piece.used }), node("span", {}, w.say("bayes.also")), title(piece, number)));
      more.replaceChildren(
        ...pieces.filter(Boolean),
        evidence.length > 1 && evidence[1].used ? node("button", { type: "button", class: "fofx-button", click: () => s.act({ do: "swap" }) }, w.say("bayes.swap")) : "",
        node("button", { type: "button", class: "fofx-button", disabled: names.length >= 6, click: () => s.act({ do: "add", name: w.say("bayes.another", { number: names.length + 1 }) }) }, w.say("bayes.add")),
        node("button", { type: "button", class: "fofx-button study-quiet", click: () => s.act({ do: "course" }) }, w.say("study.course")),
      );
    });

    // ---- naive Bayes: factors multiplied for one row
    const own = () => Object.keys(s.state.table).length > 0;
    const word = (text) => (own() ? text : w.say(text === "yes" ? "bayes.yes" : "bayes.no"));
    const group = (number) => (own() ? of("factors").classes[number] : w.say(number ? "bayes.spam" : "bayes.good"));
    const shade = (number) => classColour(of("factors").classes.length === 2 ? [1, 0][number] : number);
    const values = node("div", { class: "fofx-row" });
    const chain = node("div", { class: "fofx-scroll bayes-chain" });
    const verdict = node("p", { role: "status", class: "bayes-verdict" });
    s.shows(() => {
      const found = of("factors");
      values.replaceChildren(
        ...found.columns.map((column, at) => {
          const put = (value) => s.set({ row: found.row.map((old, other) => (other === at ? value : old)) });
          if (column.values.length > 3) {
            const list = node("select", { change: (event) => put(Number(event.target.value)) }, column.values.map((value, number) => node("option", { value: number }, value)));
            list.value = found.row[at];
            return node("label", { class: "fofx-control" }, node("span", {}, called(column.name)), list);
          }
          return node("span", { class: "study-choice" }, node("span", {}, called(column.name)), node("span", { class: "study-segments", role: "group", "aria-label": called(column.name) }, column.values.map((value, number) => node("button", { type: "button", "aria-pressed": String(found.row[at] === number), click: () => put(number) }, word(value)))));
        }),
      );
      const alpha = s.state.alpha;
      const plus = (count, extra) => (extra ? `${figure(count)} + ${figure(extra)}` : figure(count));
      const share = (stage, last) =>
        node("span", { class: "bayes-stack", "data-hidden": String(Boolean(last && hidden())) }, last && hidden() ? "?" : stage ? stage.map((part, number) => node("span", { style: `width:${100 * part}%;background:${shade(number)}`, title: `${group(number)} ${percent(part, 1)}` }, part > 0.14 ? percent(part) : "")) : w.say("bayes.nothing-left"));
      const total = found.class_rows.reduce((a, b) => a + b, 0);
      const rows = [
        [w.say("bayes.prior-of"), ...found.class_rows.map((count, number) => node("span", {}, fraction(figure(count), figure(total)), ` ${figure(found.prior[number], 3)}`)), share(found.stages[0])],
        ...found.columns.map((column, at) => [
          node("span", {}, `× ${called(column.name)} = ${word(column.values[found.row[at]])}`),
          ...found.counts[at].map((count, number) => node("span", { "data-zero": String(found.factors[at][number] === 0) }, fraction(plus(count, alpha), plus(found.class_rows[number], alpha * found.possible[at])), ` ${figure(found.factors[at][number], 3)}`)),
          share(found.stages[at + 1], at === found.columns.length - 1),
        ]),
        [node("strong", {}, w.say("bayes.product")), ...found.product.map((value) => node("strong", {}, figure(value, 5))), ""],
        [node("strong", {}, w.say("bayes.divided")), ...found.posterior.map((value) => node("strong", {}, hidden() ? "?" : figure(value, 3, true))), ""],
      ];
      chain.dataset.classes = found.classes.length;
      chain.style.setProperty("--classes", found.classes.length);
      chain.replaceChildren(grid(["", ...found.classes.map((_, number) => node("span", {}, sign(w, number, shade(number)), ` ${group(number)}`)), w.say("bayes.so-far")], rows));
      const best = found.posterior.indexOf(Math.max(...found.posterior));
      const seen = found.seen.filter(([, count]) => count);
      const parts = [
        hidden() ? "" : w.say("bayes.verdict", { name: group(best), share: percent(found.posterior[best], 1) }),
        found.ruled_out ? w.say("bayes.all-ruled-out") : found.factors.some((row) => row.includes(0)) ? w.say("bayes.zero") : "",
        seen.length ? w.say("bayes.seen", { what: seen.map(([name, count]) => `${count} ${group(found.classes.indexOf(name))}`).join(w.say("bayes.comma")) }) : w.say("bayes.unseen"),
        found.left_out.length ? w.say("bayes.left-out", { names: found.left_out.join(", ") }) : "",
      ];
      verdict.textContent = parts.filter(Boolean).join(" ");
    });
    const third = tick(w, { key: "bayes.third", get: () => s.state.third, set: (value) => s.set({ third: value }) });
    const column = node("label", { class: "fofx-control" });
    s.shows(() => {
      third.update();
      third.hidden = own();
      column.hidden = !own();
      const list = node("select", { change: (event) => s.set({ label: event.target.value }) }, Object.keys(s.state.table).map((name) => node("option", { value: name }, name)));
      list.value = s.state.label;
      column.replaceChildren(node("span", {}, w.say("bayes.answer")), list);
    });
    const alpha = dial(w, s, { key: "bayes.alpha", min: 0, max: 3, step: 0.1, get: () => s.state.alpha, set: (value) => s.slide({ alpha: value }), show: (value) => figure(value, 1) });
    const pasted = pasting(w, s, { help: "bayes.paste", text: () => tableText(s.state.table) });

    const guess = guessing(w, s, {
      question: () => (updating() ? w.say("bayes.question", { evidence: said(of("updates")[0].piece), cause: called(s.state.names[0]) }) : w.say("bayes.question-row", { name: group(of("factors").classes.length - 1) })),
      reply: (answer, guessed) => {
        if (answer.value === null) return w.say("bayes.impossible");
        const told = w.say("bayes.it-is", { value: figure(answer.value, 1), parts: answer.parts && answer.parts[1] > 1 ? ` = ${answer.parts[0]}/${answer.parts[1]}` : "" });
        return guessed === null ? told : `${w.say("bayes.guessed", { value: figure(guessed, 1) })} ${told}`;
      },
    });
    const side = node("div", { class: "bayes-side" }, more, which, formula);
    s.shows(() => (side.dataset.wide = String(of("updates").length > 1)));
    const first = node("div", {}, node("div", { class: "fofx-split bayes-panels" }, panels, side), words(w, "h4", "bayes.numbers"), table, words(w, "p", "bayes.honest", { class: "fofx-soft" }));
    const second = node("div", {}, node("div", { class: "fofx-row" }, alpha, third, column), values, chain, verdict, pasted);
    s.shows(() => {
      first.hidden = !updating();
      second.hidden = updating();
    });
    w.root.append(heading(w, s, "bayes.title", () => w.say(updating() ? "bayes.text" : "bayes.naive")), node("div", { class: "fofx-row" }, segments(w, s, { options: [["update", "bayes.part.update"], ["factors", "bayes.part.factors"]], get: () => s.state.part, set: (part) => s.set({ part, guess: null }) })), guess, first, second);
    return w.done;
  },
};
