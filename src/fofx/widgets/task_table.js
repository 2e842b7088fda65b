// The 3 x 3 table as a real HTML table; on a narrow page its cells stand below one another, each with its own heading.

const INS = ["task_table.in.vector", "task_table.in.matrix", "task_table.in.sequence"];
const OUTS = ["task_table.out.regression", "task_table.out.classification", "task_table.out.structure"];

export default {
  render({ model, el }) {
    const w = widget(model, el, "task_table");
    const title = node("h3");
    const about = node("p", { class: "fofx-soft" });
    const place = node("div", { class: "tt-place" });
    const detail = node("div", { class: "tt-detail", "aria-live": "polite" });
    let picked = false;
    w.root.append(title, about, place, detail);

    const number = (entry) => (entry.number ? node("span", { class: "tt-number", title: w.say("task_table.number", { number: entry.number }) }, String(entry.number)) : null);

    function item(entry) {
      const remark = entry.remark ? node("small", {}, entry.remark) : null;
      if (!entry.here) {
        return node("li", { class: "tt-soon" }, number(entry), node("span", {}, entry.text, " ", node("em", {}, w.say("task_table.soon")), remark));
      }
      const chosen = model.get("chosen") === entry.name;
      const press = node("button", { type: "button", class: "tt-here", "aria-pressed": String(chosen), "data-task": entry.name }, number(entry), node("span", {}, entry.text, remark));
      press.addEventListener("click", () => {
        w.tell({ do: "pick", task: entry.name });
        picked = true;
      });
      return node("li", {}, press);
    }

    function cell(row, column) {
      const found = model.get("entries").filter((entry) => entry.cells.some(([way, out]) => way === row && out === column));
      found.sort((a, b) => Number(b.here) - Number(a.here) || (a.number ?? 99) - (b.number ?? 99));
      const heading = node("p", { class: "tt-way", "aria-hidden": "true" }, `${w.say(INS[row - 1])} → ${w.say(OUTS[column - 1])}`);
      const list = found.length ? node("ul", {}, found.map(item)) : node("p", { class: "fofx-soft" }, w.say("task_table.empty"));
      return node("td", {}, heading, list);
    }

    function draw() {
      const held = el.contains(document.activeElement) ? document.activeElement.dataset?.task : null;
      title.textContent = w.say("task_table.title");
      about.textContent = w.say("task_table.note");
      const kinds = (row) =>
        node("ul", { class: "tt-kinds", "aria-label": w.say("task_table.kinds") },
          model.get("kinds").filter((kind) => kind.row === row).map((kind) => node("li", { class: kind.here ? null : "tt-soon" }, kind.text, kind.here ? null : [" ", node("em", {}, w.say("task_table.soon"))])));
      place.replaceChildren(
        node("table", {},
          node("thead", {}, node("tr", {}, node("td", { class: "fofx-soft" }, w.say("task_table.corner")), OUTS.map((key, at) => node("th", { scope: "col" }, `${at + 1} `, w.say(key))))),
          node("tbody", {}, [1, 2, 3].map((row) => node("tr", {}, node("th", { scope: "row" }, `${row} `, w.say(INS[row - 1]), kinds(row)), [1, 2, 3].map((column) => cell(row, column)))))),
      );
      if (held) place.querySelector(`[data-task="${CSS.escape(held)}"]`)?.focus();
      tellMore();
    }

    function tellMore() {
      const entry = model.get("entries").find((each) => each.here && each.name === model.get("chosen"));
      if (!entry) return detail.replaceChildren(node("p", { class: "fofx-soft" }, w.say("task_table.pick")));
      const start = node("button", { type: "button", class: "fofx-button fofx-main" }, w.say("task_table.open"));
      start.addEventListener("click", () => w.tell({ do: "open", task: entry.name }));
      const code = node("pre", { class: "fofx-scroll", tabindex: "0" }, entry.call);
      const copy = node("button", { type: "button", class: "fofx-button" }, w.say("kit.copy"));
      copy.addEventListener("click", async () => {
        try {
          await navigator.clipboard.writeText(entry.call);
          copy.textContent = w.say("kit.copied");
        } catch {
          getSelection().selectAllChildren(code); // no clipboard here: the reader copies what is marked
        }
      });
      const pair = (key, text) => (text ? [node("dt", {}, w.say(key)), node("dd", {}, text)] : []);
      detail.replaceChildren(
        node("h3", {}, entry.text),
        node("dl", {}, pair("task_table.honesty", entry.honesty), pair("task_table.good", entry.good)),
        code,
        node("div", { class: "fofx-row" }, start, copy),
      );
      if (picked) detail.scrollIntoView({ block: "nearest" });
      picked = false;
    }

    w.watch("entries kinds words chosen", draw);
    draw();
    return w.done;
  },
};
