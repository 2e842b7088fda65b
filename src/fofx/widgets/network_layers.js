// A row of linear layers as units and lines: drawn, picked by pointer and by keys. Every number is looked up in what Python sent.

/** Where everything stands in `numbers`. */
function denseNetwork(model) {
  const layers = model.get("dense");
  const numbers = floats(model.get("numbers"));
  if (!layers.length) return null;
  const last = layers[layers.length - 1];
  if (numbers.length !== last.first + last.units * (last.inputs + 3)) return null; // the rest is still on its way
  const net = { layers, inputs: layers[0].inputs, depth: layers.length };
  const part = (layer, from) => layers[layer].first + layers[layer].units * layers[layer].inputs + from * layers[layer].units;
  net.weight = (layer, unit, source) => (source < 0 ? numbers[part(layer, 0) + unit] : numbers[layers[layer].first + unit * layers[layer].inputs + source]);
  net.sum = (layer, unit) => numbers[part(layer, 1) + unit];
  net.out = (layer, unit) => (layer < 0 ? numbers[unit] : numbers[part(layer, 2) + unit]); // layer -1: the inputs
  net.units = (layer) => (layer < 0 ? net.inputs : layers[layer].units);
  net.most = layers.map((each, layer) => {
    let high = 1e-9;
    for (let at = each.first; at < each.first + each.units * each.inputs; at++) high = Math.max(high, Math.abs(numbers[at]));
    return high || layer;
  });
  net.loudest = Array.from({ length: net.depth + 1 }, (_, column) => {
    let high = 1e-9;
    for (let unit = 0; unit < net.units(column - 1); unit++) high = Math.max(high, Math.abs(net.out(column - 1, unit)));
    return high;
  });
  return net;
}

/** The canvas. `state` holds {net, unit: [layer, unit] or null, weight: [layer, unit, source] or null}; `pick` hears of clicks. */
function networkCanvas(w, state, names, pick) {
  const HEAD = 26;
  const places = (width, height) => {
    const { net } = state;
    const side = Math.min(110, width * 0.25);
    const x = (layer) => side + ((layer + 1) / net.depth) * (width - 2 * side);
    const gap = (layer) => Math.min(34, (height - HEAD - 8) / net.units(layer));
    const y = (layer, unit) => HEAD + (height - HEAD) / 2 + (unit - (net.units(layer) - 1) / 2) * gap(layer);
    return { x, y, gap, box: (layer) => Math.max(3, Math.min(22, gap(layer) * 0.8)) };
  };
  const css = ([red, green, blue], alpha = 1) => `rgba(${red},${green},${blue},${alpha})`;
  const colour = (value) => (value >= 0 ? w.ink.plus : w.ink.minus);

  function line(context, at, layer, unit, source, share, alpha) {
    context.strokeStyle = colour(share);
    context.globalAlpha = alpha;
    context.lineWidth = 0.4 + 3.6 * Math.abs(share);
    context.beginPath();
    context.moveTo(at.x(layer - 1) + at.box(layer - 1) / 2, at.y(layer - 1, source));
    context.lineTo(at.x(layer) - at.box(layer) / 2, at.y(layer, unit));
    context.stroke();
  }

  const made = canvas(w, () => (state.net ? w.say("network.label", { layers: state.net.depth, units: state.net.layers.map((layer) => layer.units).join(", ") }) : ""), (context, width, height) => {
    const { net } = state;
    if (!net) return;
    const at = places(width, height);
    const chosen = state.unit;
    for (let layer = 0; layer < net.depth; layer++) {
      const many = net.units(layer) * net.units(layer - 1);
      const least = many > 1500 ? 0.12 : many > 400 ? 0.05 : 0;
      for (let unit = 0; unit < net.units(layer); unit++) {
        for (let source = 0; source < net.units(layer - 1); source++) {
          const share = net.weight(layer, unit, source) / net.most[layer];
          const mine = chosen && ((chosen[0] === layer && chosen[1] === unit) || (chosen[0] === layer - 1 && chosen[1] === source));
          if (!mine && (Math.abs(share) < least || (chosen && many > 400))) continue;
          line(context, at, layer, unit, source, share, chosen ? (mine ? 0.9 : 0.05) : Math.min(0.85, 0.12 + Math.abs(share) * 0.7));
        }
      }
    }
    context.globalAlpha = 1;
    if (state.weight && state.weight[2] >= 0) {
      const [layer, unit, source] = state.weight;
      context.strokeStyle = w.ink.text;
      context.lineWidth = 4.5;
      context.beginPath();
      context.moveTo(at.x(layer - 1), at.y(layer - 1, source));
      context.lineTo(at.x(layer), at.y(layer, unit));
      context.stroke();
      line(context, at, layer, unit, source, Math.sign(net.weight(layer, unit, source)) * 0.7, 1);
      context.globalAlpha = 1;
    }
    context.textBaseline = "middle";
    for (let layer = -1; layer < net.depth; layer++) {
      const side = at.box(layer);
      for (let unit = 0; unit < net.units(layer); unit++) {
        const [x, y] = [at.x(layer), at.y(layer, unit)];
        context.fillStyle = css(diverging(net.out(layer, unit) / net.loudest[layer + 1], w.dark));
        context.fillRect(x - side / 2, y - side / 2, side, side);
        const picked = chosen && chosen[0] === layer && chosen[1] === unit;
        context.strokeStyle = picked ? w.ink.accent : w.ink.line;
        context.lineWidth = picked ? 3 : 1;
        context.strokeRect(x - side / 2, y - side / 2, side, side);
        const edge = layer === -1 || layer === net.depth - 1;
        if (edge && at.gap(layer) >= 11) {
          context.fillStyle = w.ink.text;
          context.textAlign = layer < 0 ? "right" : "left";
          const room = layer < 0 ? x - side : width - x - side;
          let text = layer < 0 ? names.input(unit) : names.output(unit);
          if (context.measureText(text).width > room - 4) {
            const end = text.length > 10 ? text.slice(-5) : ""; // "colour=red" and "colour=blue" differ at their end
            let head = text.slice(0, text.length - end.length);
            while (head.length > 1 && context.measureText(`${head}…${end}`).width > room - 4) head = head.slice(0, -1);
            text = `${head}…${end}`;
          }
          context.fillText(text, layer < 0 ? x - side / 2 - 5 : x + side / 2 + 5, y);
        }
      }
      context.fillStyle = w.ink.soft;
      context.textAlign = "center";
      context.fillText(layer < 0 ? w.say("network.input") : names.layer(layer), at.x(layer), 10);
    }
  }, (width) => {
    if (!state.net) return 10;
    const widest = Math.max(...Array.from({ length: state.net.depth + 1 }, (_, layer) => state.net.units(layer - 1)));
    return HEAD + 16 + Math.max(150, Math.min(width < 500 ? 460 : 560, widest * 30));
  });

  const far = (px, py, ax, ay, bx, by) => {
    const part = Math.max(0, Math.min(1, ((px - ax) * (bx - ax) + (py - ay) * (by - ay)) / ((bx - ax) ** 2 + (by - ay) ** 2 || 1)));
    return Math.hypot(px - ax - part * (bx - ax), py - ay - part * (by - ay));
  };
  w.on(made, "click", (event) => {
    const { net } = state;
    if (!net) return;
    const [px, py] = place(event, made);
    const at = places(made.clientWidth, made.clientHeight);
    let best = [1e9, null];
    for (let layer = -1; layer < net.depth; layer++) {
      for (let unit = 0; unit < net.units(layer); unit++) {
        const apart = Math.hypot((px - at.x(layer)) / 1.6, py - at.y(layer, unit));
        if (apart < best[0]) best = [apart, [layer, unit]];
      }
    }
    if (best[0] < 11) return pick.unit(...best[1]);
    best = [7, null];
    const chosen = state.unit;
    for (let layer = 0; layer < net.depth; layer++) {
      if (px < at.x(layer - 1) || px > at.x(layer)) continue;
      for (let unit = 0; unit < net.units(layer); unit++) {
        for (let source = 0; source < net.units(layer - 1); source++) {
          const mine = !chosen || (chosen[0] === layer && chosen[1] === unit) || (chosen[0] === layer - 1 && chosen[1] === source);
          const share = Math.abs(net.weight(layer, unit, source)) / net.most[layer];
          const apart = far(px, py, at.x(layer - 1), at.y(layer - 1, source), at.x(layer), at.y(layer, unit)) - (mine ? 2 * share : -4);
          if (apart < best[0]) best = [apart, [layer, unit, source]];
        }
      }
    }
    if (best[1]) pick.weight(...best[1]);
    else pick.unit(null);
  });
  w.on(made, "keydown", (event) => {
    const { net } = state;
    if (!net) return;
    const [layer, unit] = state.unit ?? [0, -1];
    const move = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] }[event.key];
    if (move) {
      const to = Math.max(-1, Math.min(net.depth - 1, layer + move[0]));
      const many = net.units(to);
      pick.unit(to, Math.max(0, Math.min(many - 1, to === layer ? unit + move[1] : Math.round((unit / Math.max(1, net.units(layer) - 1)) * (many - 1)))));
    } else if (event.key === "Enter" && state.unit && layer >= 0) {
      const sources = Array.from({ length: net.units(layer - 1) }, (_, source) => source);
      pick.weight(layer, unit, sources.reduce((a, b) => (Math.abs(net.weight(layer, unit, b)) > Math.abs(net.weight(layer, unit, a)) ? b : a), 0));
    } else if (event.key === "Escape") pick.unit(null);
    else return;
    event.preventDefault();
  });
  return made;
}
