// The chain rule for one weight: every factor with its formula and number, the product, torch's answer, and the step that follows.

const CHAIN_STEPS = { loss: "network.step.loss", back: "network.step.back", slope: "network.step.slope", input: "network.step.input" };

/** A formula that Python drew as SVG, or its LaTeX where it could not. */
function drawnFormula(svg, latex) {
  if (!svg) return latex ? node("code", {}, latex) : null;
  const read = new DOMParser().parseFromString(svg, "image/svg+xml").documentElement;
  const made = document.importNode(read, true);
  made.setAttribute("role", "img");
  made.setAttribute("aria-label", latex);
  return node("span", { class: "net-formula" }, made);
}

const chainNumber = (value) => (value === null || value === undefined ? "–" : brief(value, 5));

/** Two numbers in as many digits as it takes to tell them apart. */
function tellApart(before, after) {
  for (let digits = 5; digits < 15; digits++) if (brief(before, digits) !== brief(after, digits)) return [brief(before, digits), brief(after, digits)];
  return [brief(before, 5), brief(after, 5)];
}

/** One factor: what it is in words, as a formula, with its numbers, and its value. */
function chainFactor(w, words, { formula, numbers, latex, value, counts = true }, ...more) {
  const told = node("div", {}, drawnFormula(formula, latex[0]), latex[1] ? node("span", {}, " = ") : null, drawnFormula(numbers, latex[1]));
  return node("li", { class: counts ? "net-factor net-in" : "net-factor" }, node("small", {}, words), told, node("strong", {}, value === null ? w.say("network.several") : chainNumber(value)), ...more);
}

/** The product, torch's answer beside it, and the step that follows. */
function chainProof(w, chain, factors) {
  const show = chainNumber;
  const [value, next] = tellApart(chain.value, chain.next);
  const [before, after] = tellApart(chain.loss, chain.next_loss);
  const product = factors.map((value) => (value < 0 ? `(${show(value)})` : show(value))).join(" × ");
  return [
    node("p", { class: "net-product" }, `${w.say("network.product")}: ${product} = `, node("strong", {}, show(chain.gradient))),
    chain.gradient === 0 ? node("p", { class: "fofx-soft" }, w.say("network.dead")) : "",
    node("p", {}, w.say("network.torch", { value: show(chain.torch_gradient), difference: brief(chain.difference, 2) })),
    node("p", {}, w.say("network.next", { value, rate: brief(chain.rate), gradient: show(chain.gradient), next })),
    node("p", {}, w.say("network.torch_next", { value: tellApart(chain.value, chain.torch_next)[1] })),
    node("p", {}, w.say("network.moved", { before, after })),
  ];
}

function chainPanel(w, naming, close) {
  const place = node("div", { class: "net-chain", role: "region" });
  const show = chainNumber;

  function draw() {
    const chain = w.model.get("chain");
    place.hidden = chain.gradient === undefined;
    if (place.hidden) return place.replaceChildren();
    const name = naming.weight(chain.layer, chain.unit, chain.source);
    place.setAttribute("aria-label", w.say("network.chain"));
    const rows = chain.factors.map((factor) => chainFactor(w, w.say(CHAIN_STEPS[factor.kind], { layer: factor.layer + 1 }), { ...factor, counts: factor.in_product }));
    const ways = chain.way_count < 2 ? [] : chain.ways.length
      ? [node("p", {}, w.say("network.ways", { count: chain.way_count.toLocaleString("en") })),
        node("div", { class: "fofx-scroll" }, grid([w.say("network.way"), w.say("network.product")], chain.ways.slice(0, 8).map((way) => [way.units.map((unit, step) => naming.unit(chain.layer + step, unit)).join(" → "), show(way.value)])))]
      : [node("p", { class: "fofx-soft" }, w.say("network.many_ways", { count: chain.way_count.toLocaleString("en") }))];
    const shut = node("button", { type: "button", class: "fofx-button" }, w.say("network.forget"));
    shut.addEventListener("click", close);
    place.replaceChildren(
      node("div", { class: "net-top" }, node("h3", {}, w.say("network.chain")), shut),
      node("p", { class: "fofx-soft" }, name),
      node("ol", {}, rows),
      ...chainProof(w, chain, chain.factors.filter((factor) => factor.in_product).map((factor) => factor.value)),
      ...ways,
    );
  }
  return { place, draw };
}
