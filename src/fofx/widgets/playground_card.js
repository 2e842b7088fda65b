// The card at a neuron or a link: its name and value, and, once held by a click, a field and a slider to change it.

/** The card that names a weight or bias and its value; held by a click, it can be edited. */
function weightCard(p, lane, scroll) {
  const { w } = p;
  const name = node("span", { class: "pg-card-name" });
  const value = node("input", { type: "number", step: "0.1", inputmode: "decimal" });
  const plainly = node("b", { class: "pg-card-value" });
  const slide = node("input", { type: "range", min: -5, max: 5, step: 0.01 });
  const close = iconButton(p, "close", "playground.close", () => hide());
  const element = node("div", { class: "pg-card", role: "dialog", "data-control": "weights", hidden: "" }, node("span", { class: "pg-card-head" }, name, plainly, close), node("span", { class: "pg-card-row" }, value, slide));
  let item = null;
  let read = null;
  let send = null;
  let held = false;
  let waiting = 0;
  let spot = null;
  let returning = false; // focus goes back to where it came from: no reason to open the card again

  const hide = () => {
    const back = held && element.contains(document.activeElement) ? item?.node : null;
    item = null;
    held = false;
    element.hidden = true;
    element.classList.remove("pg-held");
    p.look(lane, null);
    returning = true;
    back?.focus();
    returning = false;
  };
  const follow = () => {
    if (!item) return;
    const now = read();
    plainly.textContent = brief(now).replace("-", "−");
    if (document.activeElement !== value) value.value = brief(now, 4);
    if (document.activeElement !== slide || !waiting) slide.value = String(now);
  };
  /** Beside a neuron, below a weight, and never out of the network's box. */
  const settle = () => {
    const [wide, high] = [element.offsetWidth, element.offsetHeight];
    const { clientWidth: room, clientHeight: tall } = element.parentElement;
    const x = spot.x - scroll.scrollLeft + scroll.offsetLeft;
    const y = spot.y + scroll.offsetTop;
    const beside = spot.kind !== "link" && x + spot.half + 10 + wide <= room;
    const [left, top] = beside ? [x + spot.half + 10, y - high / 2] : [x - wide / 2, y + (spot.kind === "link" ? 12 : spot.half + 8)];
    element.style.left = `${Math.max(0, Math.min(room - wide, left))}px`;
    element.style.top = `${Math.max(0, Math.min(tall - high, top))}px`;
  };
  w.on(slide, "input", () => {
    value.value = slide.value;
    waiting ||= setTimeout(() => {
      waiting = 0;
      send?.(Number(slide.value));
    }, 40);
  });
  w.ending(() => clearTimeout(waiting));
  w.on(value, "input change", () => {
    if (value.value.trim() !== "" && Number.isFinite(Number(value.value))) send?.(Number(value.value));
  });
  w.on(element, "keydown", (event) => {
    if (event.key === "Escape" || (event.key === "Enter" && event.target === value)) hide();
  });
  w.on(document, "pointerdown", (event) => {
    if (held && !element.contains(event.target) && !event.target.closest?.(".pg-unit, .pg-hit")) hide();
  });
  return {
    element,
    follow,
    hide,
    returning: () => returning,
    held: () => (held ? item : null),
    show(next, text, get, set, size) {
      item = next;
      read = get;
      send = set;
      name.textContent = text;
      element.setAttribute("aria-label", text);
      element.hidden = false;
      spot = { x: next.x, y: next.y, kind: next.kind, half: size.tile / 2 };
      follow();
      settle();
    },
    hold(typing) {
      if (!item) return;
      held = true;
      element.classList.add("pg-held");
      settle();
      if (typing) value.select();
    },
  };
}
