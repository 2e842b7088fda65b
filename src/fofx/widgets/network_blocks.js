// A network of any kind as a tree of blocks to unfold, and what passed its windows as small maps.

const sizesText = (sizes) => (sizes === null ? "" : sizes.length ? sizes.join(" × ") : "1");

/** The maps of one window, small; `said` false leaves out the words. */
function windowMaps(w, window, values, said = true) {
  const [many, high, wide] = window.kept;
  const made = node("div", { class: "net-maps" });
  const most = window.most || 1;
  for (let map = 0; map < many; map++) {
    const numbers = values.subarray(window.first + map * high * wide, window.first + (map + 1) * high * wide);
    const small = picture(numbers, wide, high, (value) => diverging(value / most, w.dark));
    const zoom = high === 1 ? 1 : Math.max(1, Math.min(6, Math.floor((many === 1 ? 220 : 66) / Math.max(high, wide))));
    small.style.cssText = high === 1 ? `width:min(100%, ${Math.max(24, wide * 9)}px);height:18px` : `width:${wide * zoom}px;height:${high * zoom}px;max-width:100%`;
    small.className = "net-map";
    small.setAttribute("role", "img");
    small.setAttribute("aria-label", `${window.name} ${map + 1}`);
    made.append(small);
  }
  const all = window.shape.length > 2 ? window.shape.slice(0, -2).reduce((a, b) => a * b, 1) : 1;
  const notes = [w.say("network.maps", { name: window.name, shape: sizesText(window.shape) })];
  if (all > many) notes.push(w.say("network.maps_cut", { maps: many, all }));
  if (window.every.some((step) => step > 1)) notes.push(w.say("network.maps_every", { down: window.every[0], across: window.every[1] }));
  notes.push(`-${brief(most)} … ${brief(most)}`);
  return node("div", {}, said ? node("small", {}, notes.join(" · ")) : null, made);
}

/** The tree; which blocks are open is kept by name while rows and steps change. `pick(name)` chooses a parameter. */
function blockTree(w, opened, pick) {
  const place = node("div", { class: "net-tree" });
  function draw() {
    const values = floats(w.model.get("values"));
    const windows = new Map(w.model.get("windows").map((window) => [window.name, window]));
    const held = document.activeElement?.dataset?.block;
    const root = node("div");
    const stack = [[-1, root]];
    const blocks = w.model.get("tree");
    blocks.forEach((block, number) => {
      while (stack[stack.length - 1][0] >= block.depth) stack.pop();
      const parent = stack[stack.length - 1][1];
      const under = blocks[number + 1]?.depth > block.depth;
      const window = windows.get(block.name);
      const name = block.name.split(".").pop() || w.say("network.blocks");
      const facts = [
        node("b", {}, name), node("code", {}, `${block.kind}${block.about ? `(${block.about})` : ""}`),
        block.gives ? node("span", {}, `${sizesText(block.takes)} → ${sizesText(block.gives)}`) : null,
        block.parameters ? node("span", { class: "net-count" }, w.say("network.parameters", { count: block.parameters.toLocaleString("en") })) : null,
        ...(w.model.get("parameters").length ? block.own : []).map((own) => {
          const press = node("button", { type: "button", class: "fofx-button net-own", title: w.say("network.through.numbers") }, own);
          press.addEventListener("click", (event) => {
            event.preventDefault(); // not also unfold the block
            pick(block.name ? `${block.name}.${own}` : own);
          });
          return press;
        }),
      ];
      if (window) {
        parent.append(node("div", { class: "net-block net-window" }, windowMaps(w, window, values)));
      } else if (under) {
        const inside = node("div", { class: "net-inside" });
        const fold = node("details", { open: opened.get(block.name) ?? block.depth < 2 }, node("summary", { "data-block": block.name }, facts), inside);
        fold.addEventListener("toggle", () => opened.set(block.name, fold.open));
        parent.append(fold);
        stack.push([block.depth, inside]);
      } else if (!block.window) parent.append(node("div", { class: "net-block" }, facts));
    });
    place.replaceChildren(root);
    if (held !== undefined) place.querySelector(`[data-block="${CSS.escape(held)}"]`)?.focus();
  }
  return { place, draw };
}
