// The decision tree, cut by cut: the tree as boxes, the cost of every cut, and one row on its way down.

export default {
  render({ model, el }) {
    const w = widget(model, el, "tree");
    const s = study(w);
    const of = (key) => s.view()[key];
    const NAMES = {
      known_sender: "tree.known-sender",
      spam_keyword: "tree.spam-keyword",
      suspicious_attachment: "tree.suspicious-attachment",
    };
    const own = () => Object.keys(s.state.table).length > 0;
    const hidden = () => w.model.get("ask") && s.state.guess === null;
    const colour = (number) => classColour(of("classes").length === 2 ? [1, 0][number] : number);
    const called = (number) => (own() ? of("classes")[number] : w.say(number ? "tree.spam" : "tree.good"));
    const asks = (column) => {
      const { name } = of("questions")[column];
      return !own() && NAMES[name] ? w.say(NAMES[name]) : name;
    };
    const word = (text) => (text === "yes" ? w.say("tree.yes") : text === "no" ? w.say("tree.no") : text);
    /** The two answers to a question: [left, right]. */
    const answers = (column, threshold) => {
      const question = of("questions")[column];
      return question.yes === undefined ? [`≤ ${figure(threshold, 3)}`, `> ${figure(threshold, 3)}`] : [word(question.no), word(question.yes)];
    };
    let shown = 0; // the line of the cost table whose sum is written out

    // ---- the tree: boxes that are buttons, and lines between them
    const TALL = 96;
    const GAP = 46;
    let WIDE = 138; // narrower where the tree would not fit
    let SPACE = 14;
    const forest = node("div", { class: "tree-forest", role: "group" });
    const around = node("div", { class: "fofx-scroll tree-around" }, forest);
    const dots = (rows) => {
      const fits = (each) => Math.ceil(rows.length / Math.max(1, Math.floor((WIDE - 16) / each))) * each <= 38;
      const size = [14, 12, 11, 9, 8, 7, 6, 5].find(fits) ?? 4;
      const across = Math.max(1, Math.floor((WIDE - 16) / size));
      const down = Math.ceil(rows.length / across);
      const [width, height] = [WIDE - 16, Math.min(38, down * size)];
      const made = node("canvas", { width: width * 2, height: height * 2, style: `width:${width}px;height:${height}px`, "aria-hidden": "true" });
      const context = made.getContext("2d");
      context.scale(2, 2);
      const same = new Set(of("followed")?.same ?? []);
      [...rows]
        .sort((a, b) => of("target")[a] - of("target")[b])
        .forEach((row, at) => {
          context.fillStyle = colour(of("target")[row]);
          context.strokeStyle = same.has(row) ? w.ink.text : w.ink.panel;
          context.lineWidth = same.has(row) ? 1.6 : 0.5;
          const line = Math.min(across, rows.length - Math.floor(at / across) * across); // marks in this line, centred
          mark(context, of("target")[row], (width - line * size) / 2 + (at % across) * size + size / 2, Math.floor(at / across) * size + size / 2, size * 0.36);
        });
      return made;
    };
    function drawTree() {
      const nodes = of("nodes");
      const at = {};
      let leaf = 0;
      const depth = Math.max(...nodes.map((each) => each.way.length));
      const settle = (way) => {
        const each = nodes.find((one) => one.way === way);
        const x = each.column < 0 ? leaf++ : (settle(`${way}l`) + settle(`${way}r`)) / 2;
        at[way] = x;
        return x;
      };
      settle("");
      const room = around.clientWidth - 4;
      SPACE = room < 500 ? 7 : 14;
      WIDE = Math.max(78, Math.min(138, Math.floor((room - SPACE * (leaf - 1)) / leaf)));
      const [width, height] = [leaf * (WIDE + SPACE) - SPACE, (depth + 1) * (TALL + GAP) - GAP + 4];
      const [left, top] = [(way) => at[way] * (WIDE + SPACE), (way) => way.length * (TALL + GAP) + 2];
      const followed = new Set(of("followed")?.ways ?? []);
      const lines = node("svg", { width, height, viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" });
      const labels = [];
      for (const each of nodes.filter((one) => one.column >= 0))
        ["l", "r"].forEach((side, number) => {
          const way = each.way + side;
          const [x1, y1, x2, y2] = [left(each.way) + WIDE / 2, top(each.way) + TALL, left(way) + WIDE / 2, top(way)];
          const walked = followed.has(way);
          lines.append(node("path", { d: `M${x1},${y1} C${x1},${y1 + GAP * 0.6} ${x2},${y2 - GAP * 0.6} ${x2},${y2}`, fill: "none", stroke: walked ? "var(--accent)" : "var(--line)", "stroke-width": walked ? 3.5 : 1.5 }));
          labels.push(node("span", { class: "tree-label", "data-walked": String(walked), style: `left:${(x1 + x2) / 2 + (number ? 8 : -8)}px;top:${(y1 + y2) / 2}px` }, answers(each.column, each.threshold)[number]));
        });
      const boxes = nodes.map((each) => {
        const asked = each.column >= 0;
        const text = asked ? `${asks(each.column)}${w.say("tree.mark")}` : called(each.answer);
        const count = each.counts[each.answer];
        const pure = each.impurity === 0;
        const made = node(
          "button",
          {
            type: "button",
            class: "tree-node",
            "data-leaf": String(!asked),
            "data-walked": String(followed.has(each.way)),
            "aria-pressed": String(each.way === of("node")),
            style: `left:${left(each.way)}px;top:${top(each.way)}px;width:${WIDE}px;height:${TALL}px`,
            click: () => {
              shown = 0;
              s.set({ node: each.way });
            },
          },
          node("span", { class: "tree-text" }, asked ? null : sign(w, each.answer, colour(each.answer)), text),
          dots(each.rows),
          node("span", { class: "tree-share" }, pure ? w.say("tree.pure", { count }) : asked ? w.say("tree.rows", { count: each.rows.length }) : w.say("tree.mixed", { count, all: each.rows.length })),
        );
        return made;
      });
      forest.style.cssText = `width:${width}px;height:${height}px`;
      forest.dataset.small = String(WIDE < 110);
      forest.setAttribute("aria-label", w.say("tree.tree"));
      const focus = document.activeElement?.classList.contains("tree-node") && forest.contains(document.activeElement);
      forest.replaceChildren(lines, ...labels, ...boxes);
      const looked = left(of("node"));
      if (width > room) around.scrollLeft = looked - (room - WIDE) / 2;
      if (focus) forest.querySelector('[aria-pressed="true"]')?.focus();
    }
    s.shows(drawTree);
    let drawn = 0;
    w.drawing(() => {
      if (drawn === around.clientWidth) return;
      drawn = around.clientWidth;
      drawTree();
    });

    // ---- what every cut costs
    const costs = node("div", { class: "fofx-scroll tree-costs" });
    const counts = (side) => node("span", { class: "tree-counts" }, side.flatMap((count, number) => (count ? [sign(w, number, colour(number)), `${count} `] : [])));
    const heading4 = node("h4", {});
    const sum = node("div", { class: "study-formula" });
    function drawCosts() {
      const { lines, all } = of("costs");
      const here = of("nodes").find((each) => each.way === of("node"));
      shown = Math.min(shown, Math.max(0, lines.length - 1));
      heading4.textContent = w.say("tree.costs", { count: here.rows.length });
      if (!lines.length) {
        costs.replaceChildren(node("p", { class: "fofx-soft" }, here.impurity === 0 ? w.say("tree.nothing-pure") : w.say("tree.nothing")));
        sum.replaceChildren();
        return;
      }
      const ordered = hidden() ? [...lines].sort((a, b) => a.column - b.column) : lines; // the order would give the answer away
      const unknown = (value) => (hidden() ? "?" : figure(value, 3, true));
      const made = grid(
        ["", w.say("tree.question"), w.say("tree.left"), w.say("tree.right-side"), w.say("tree.impurities"), w.say("tree.cost"), ""],
        ordered.map((line, number) => {
          const [left, right] = answers(line.column, line.threshold);
          const numeric = of("questions")[line.column].yes === undefined;
          return [
            line.best && !hidden() ? node("span", { title: w.say("tree.best"), class: "tree-star" }, "★") : "",
            node("span", { class: "tree-question" }, asks(line.column), numeric ? ` ${left}` : ""),
            node("span", {}, numeric ? "" : w.say("tree.step", { name: left, answer: "" }), counts(line.left)),
            node("span", {}, numeric ? "" : w.say("tree.step", { name: right, answer: "" }), counts(line.right)),
            `${unknown(line.impurity_left)} · ${unknown(line.impurity_right)}`,
            node("strong", {}, unknown(line.cost)),
            node("button", { type: "button", class: "fofx-button tree-cut", "aria-label": w.say("tree.cut-by", { name: asks(line.column) }), click: () => { shown = 0; s.act({ do: "cut", column: line.column, threshold: line.threshold }); } }, w.say("tree.cut")),
          ];
        }),
      );
      [...made.tBodies[0].rows].forEach((row, number) => {
        row.dataset.shown = String(number === shown && !hidden());
        row.addEventListener("click", (event) => {
          if (event.target.closest("button")) return;
          shown = number;
          drawCosts();
        });
      });
      costs.replaceChildren(made, all > lines.length ? node("p", { class: "fofx-soft" }, w.say("tree.more", { count: all - lines.length })) : "");
      writeSum(hidden() ? null : ordered[shown]);
    }
    /** The cost of one cut, written out with its numbers. */
    function writeSum(line) {
      if (!line) return sum.replaceChildren();
      const total = (side) => side.reduce((a, b) => a + b, 0);
      const [left, right] = [total(line.left), total(line.right)];
      const gini = s.state.criterion === "gini";
      const parts = (side) => side.filter((count) => count);
      const mixed = (side) =>
        gini
          ? ["1 − ", ...parts(side).flatMap((count, number) => [number ? " − " : "", "(", fraction(String(count), String(total(side))), ")²"])]
          : ["−", ...parts(side).flatMap((count, number) => [number ? " − " : "", fraction(String(count), String(total(side))), " log₂ ", fraction(String(count), String(total(side)))])];
      const [no, yes] = answers(line.column, line.threshold);
      const name = node("i", {}, gini ? "G" : "H");
      sum.replaceChildren(
        node("div", {}, name, `(${no}) = `, mixed(line.left), " = ", figure(line.impurity_left, 3)),
        node("div", {}, name.cloneNode(true), `(${yes}) = `, mixed(line.right), " = ", figure(line.impurity_right, 3)),
        node("div", {}, w.say("tree.cost"), " = ", fraction(String(left), String(left + right)), ` · ${figure(line.impurity_left, 3)} + `, fraction(String(right), String(left + right)), ` · ${figure(line.impurity_right, 3)} = `, node("strong", {}, figure(line.cost, 3, true))),
      );
    }
    s.shows(drawCosts);

    // ---- one row on its way down
    const rows = node("div", { class: "tree-rows" });
    const values = node("div", { class: "fofx-row tree-values" });
    const told = node("p", { role: "status", class: "tree-told" });
    function drawRows() {
      const { features, target, followed, questions } = s.view();
      const same = new Set(followed?.same ?? []);
      rows.replaceChildren(
        ...features.slice(0, 60).map((row, number) =>
          node("button", { type: "button", class: "tree-row", "aria-pressed": String(same.has(number)), "aria-label": w.say("tree.row", { number: number + 1, name: called(target[number]) }), click: () => s.act({ do: "follow", row: same.has(number) ? null : number }) }, sign(w, target[number], colour(target[number])), String(number + 1)),
        ),
      );
      const row = s.state.row.length === questions.length ? s.state.row : null;
      const put = (column, value) => s.set({ row: (row ?? questions.map(() => 0)).map((old, other) => (other === column ? value : old)) });
      values.replaceChildren(
        ...questions.slice(0, 12).map((question, column) => {
          if (question.yes === undefined) return node("label", { class: "fofx-control" }, node("span", {}, asks(column)), node("input", { type: "number", step: "any", style: "width:80px", value: row ? row[column] : "", change: (event) => event.target.value !== "" && put(column, Number(event.target.value)) }));
          const bar = node("span", { class: "study-segments", role: "group", "aria-label": asks(column) }, [0, 1].map((value) => node("button", { type: "button", "aria-pressed": String(row !== null && row[column] === value), click: () => put(column, value) }, word(value ? question.yes : question.no))));
          return node("span", { class: "study-choice" }, node("span", {}, asks(column)), bar);
        }),
      );
      if (!followed) return told.replaceChildren(w.say("tree.follow"));
      const steps = followed.ways.slice(1).map((way) => {
        const above = of("nodes").find((each) => each.way === way.slice(0, -1));
        return w.say("tree.step", { name: asks(above.column), answer: answers(above.column, above.threshold)[way.endsWith("l") ? 0 : 1] });
      });
      const verdict = w.say("tree.verdict", { name: called(followed.answer), share: Math.round(followed.share * 100), rows: followed.rows });
      const unseen = followed.same.length ? "" : ` ${w.say("tree.unseen")}`;
      told.replaceChildren(steps.length ? `${steps.join(" → ")} → ` : "", node("strong", {}, verdict), unseen);
    }
    s.shows(drawRows);

    // ---- controls
    const score = node("p", { class: "tree-score" });
    s.shows(() => {
      const { right, features, alike, left_out: out } = s.view();
      const parts = [w.say("tree.score", { right, all: features.length })];
      if (alike.length) parts.push(w.say("tree.alike", { rows: alike.slice(0, 3).map((group) => group.map((row) => row + 1).join(w.say("tree.and"))).join("; ") }));
      if (out.length) parts.push(w.say("tree.left-out", { names: out.join(", ") }));
      score.textContent = parts.join(" ");
    });
    const best = button(w, "tree.take-best", () => { shown = 0; s.act({ do: "best" }); }, { class: "fofx-button fofx-main" });
    const grow = button(w, "tree.grow", () => s.act({ do: "grow" }));
    const prune = button(w, "tree.prune", () => s.act({ do: "prune" }));
    s.shows(() => {
      best.disabled = of("costs").lines.length === 0;
      grow.disabled = !of("nodes").some((each) => each.column < 0 && each.impurity > 0 && each.way.startsWith(of("node")));
      prune.disabled = of("nodes").find((each) => each.way === of("node")).column < 0;
    });
    const criterion = segments(w, s, { key: "tree.criterion", options: [["gini", "tree.gini"], ["entropy", "tree.entropy"]], get: () => s.state.criterion, set: (value) => s.set({ criterion: value }) });
    const third = tick(w, { key: "tree.third", get: () => s.state.third, set: (value) => s.set({ third: value }) });
    s.shows(() => {
      third.update();
      third.hidden = own();
    });
    const column = node("label", { class: "fofx-control" });
    s.shows(() => {
      column.hidden = !own();
      const list = node("select", { change: (event) => s.set({ label: event.target.value }) }, Object.keys(s.state.table).map((name) => node("option", { value: name }, name)));
      list.value = s.state.label;
      column.replaceChildren(node("span", {}, w.say("tree.answer")), list);
    });
    const legend = node("div", { class: "fofx-row tree-legend fofx-soft" });
    s.shows(() => legend.replaceChildren(...of("classes").map((_, number) => node("span", {}, sign(w, number, colour(number)), ` ${called(number)}`))));
    const guess = guessing(w, s, {
      question: () => w.say("tree.asked", { count: of("features").length }),
      kind: () => of("questions").map((_, number) => [number, asks(number)]),
      reply: (answer, guessed) => {
        if (!answer) return w.say("tree.nothing");
        const told = w.say("tree.cheapest", { name: asks(answer.column), cost: figure(answer.cost, 3, true) });
        if (guessed === null || guessed === answer.column || !of("questions")[guessed]) return guessed === answer.column ? `${w.say("tree.yes-right")} ${told}` : told;
        return `${w.say("tree.your-cost", { name: asks(guessed), cost: figure(answer.each[guessed], 3, true) })} ${told}`;
      },
    });
    const pasted = pasting(w, s, { help: "tree.paste", text: () => tableText(s.state.table) });
    w.root.append(
      heading(w, s, "tree.title", "tree.about"),
      guess,
      node("div", { class: "fofx-row" }, criterion, third, column),
      node(
        "div",
        { class: "fofx-split" },
        node("div", {}, node("div", { class: "fofx-row" }, best, grow, prune), legend, around, score),
        node("div", {}, heading4, costs, sum, words(w, "h4", "tree.way"), rows, values, told),
      ),
      pasted,
    );
    return w.done;
  },
};
