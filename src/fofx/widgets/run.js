// Curves of the loss and of the learning rate over one axis of steps, the values at a step, and the ladder as bars.

const DASHES = [[], [7, 4], [2, 3], [9, 3, 2, 3], [4, 4], [12, 3], [1, 2], [6, 2, 1, 2]]; // a run each, so that colour is not alone
const EVERY = 700; // milliseconds between two looks at a run that is still learning

export default {
  render({ model, el }) {
    const w = widget(model, el, "run");
    const title = node("h3");
    const about = node("p", { class: "fofx-soft" });
    const empty = node("p", { class: "fofx-soft" });
    const legend = node("div", { class: "fofx-row run-legend", role: "group" });
    const ladder = node("div", { class: "run-ladder" });
    const values = node("div", { class: "fofx-scroll", "aria-live": "polite" });
    let data = new Float32Array(0);
    let shown = [];
    const last = () => Math.max(1, ...shown.map((curve) => curve.steps));
    const now = () => (model.get("step") < 0 ? last() : Math.min(model.get("step"), last()));

    const load = () => {
      data = floats(model.get("points"));
      const hidden = model.get("hidden").map(String);
      shown = model.get("curves").map((curve, colour) => ({ ...curve, colour })).filter((curve) => !hidden.includes(String([curve.run, curve.rung])));
      w.redraw();
    };
    const group = (curve, at, part) => data[curve.first + at * 5 + part];
    const check = (curve, at, part) => data[curve.first + curve.groups * 5 + at * 2 + part];

    /** A scale that is linear or logarithmic; places where a logarithm has no value are NaN. */
    function axis([low, high], pixels, logarithmic) {
      const turn = (value) => (logarithmic ? (value > 0 ? Math.log10(value) : NaN) : value);
      const made = scale([turn(low), turn(high)], pixels);
      const whole = (value) => made(turn(value));
      whole.back = (pixel) => (logarithmic ? 10 ** made.back(pixel) : made.back(pixel));
      whole.marks = (count) => {
        if (!logarithmic) return ticks(low, high, count);
        const all = [];
        for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high) + 1e-9; power++) all.push(...[1, 2, 5].map((part) => part * 10 ** power));
        const inside = all.filter((value) => value >= low * 0.999 && value <= high * 1.001);
        return inside.length > count + 2 ? inside.filter((value) => Math.abs(Math.log10(value) % 1) < 1e-9) : inside;
      };
      return whole;
    }

    function frame(context, x, y, box, name, bottom) {
      context.strokeStyle = w.ink.line;
      context.fillStyle = w.ink.soft;
      context.lineWidth = 1;
      context.textBaseline = "middle";
      context.textAlign = "right";
      for (const value of y.marks(Math.max(2, (box.bottom - box.top) / 45))) {
        context.globalAlpha = 0.5;
        context.beginPath();
        context.moveTo(box.left, y(value));
        context.lineTo(box.right, y(value));
        context.stroke();
        context.globalAlpha = 1;
        context.fillText(brief(value), box.left - 6, y(value));
      }
      context.textAlign = "left";
      context.textBaseline = "bottom";
      context.fillText(name, 2, box.top - 5);
      if (!bottom) return;
      context.textAlign = "center";
      context.textBaseline = "top";
      for (const value of x.marks(Math.max(2, (box.right - box.left) / 90))) context.fillText(brief(value, 6), x(value), box.bottom + 5);
      context.fillText(w.say("run_widget.step"), (box.left + box.right) / 2, box.bottom + 20);
    }

    const across = (width) => axis([1, last()], [56, width - 12], model.get("log_step"));

    function line(context, count, point) {
      context.beginPath();
      for (let at = 0, open = false; at < count; at++) {
        const [x, y] = point(at);
        if (!Number.isFinite(x + y)) open = false;
        else if (open) context.lineTo(x, y);
        else {
          context.moveTo(x, y);
          open = true;
        }
      }
      context.stroke();
    }

    function cursor(context, x, top, bottom) {
      context.setLineDash([]);
      context.strokeStyle = w.ink.text;
      context.lineWidth = 1;
      context.beginPath();
      context.moveTo(x(now()), top);
      context.lineTo(x(now()), bottom);
      context.stroke();
    }

    const loss = canvas(w, () => w.say("run_widget.label", { curves: shown.map((curve) => curve.rung).join(", ") }), (context, width, height) => {
      if (!shown.length) return;
      const box = { left: 56, right: width - 12, top: 22, bottom: height - 38 };
      const all = shown.flatMap((curve) => [
        ...Array.from({ length: curve.groups }, (_, at) => group(curve, at, 1)),
        ...Array.from({ length: curve.checks }, (_, at) => check(curve, at, 1)),
      ]);
      const logarithmic = model.get("log_loss");
      const fit = all.filter((value) => Number.isFinite(value) && (!logarithmic || value > 0));
      const [low, high] = [fit.reduce((a, b) => Math.min(a, b), Infinity), fit.reduce((a, b) => Math.max(a, b), -Infinity)];
      if (!fit.length) return;
      const x = across(width);
      const y = axis(logarithmic ? [low / 1.15, high * 1.15] : [Math.min(0, low), high * 1.05 || 1], [box.bottom, box.top], logarithmic);
      frame(context, x, y, box, w.say("run_widget.loss"), true);
      context.save();
      context.beginPath();
      context.rect(box.left - 6, box.top - 6, box.right - box.left + 12, box.bottom - box.top + 12);
      context.clip();
      for (const curve of shown) {
        const colour = classColour(curve.colour);
        context.fillStyle = context.strokeStyle = colour;
        context.globalAlpha = 0.2;
        context.beginPath();
        const floor = (value) => (Number.isFinite(y(value)) ? y(value) : box.bottom);
        for (let at = 0; at < curve.groups; at++) context.lineTo(x(group(curve, at, 0)), floor(group(curve, at, 3)));
        for (let at = curve.groups - 1; at >= 0; at--) context.lineTo(x(group(curve, at, 0)), floor(group(curve, at, 2)));
        context.fill();
        context.globalAlpha = 1;
        context.globalAlpha = 0.75;
        context.lineWidth = 1;
        line(context, curve.groups, (at) => [x(group(curve, at, 0)), y(group(curve, at, 1))]);
        context.globalAlpha = 1;
        context.setLineDash(DASHES[curve.run]);
        context.lineWidth = 2.6;
        line(context, curve.checks, (at) => [x(check(curve, at, 0)), y(check(curve, at, 1))]);
        context.setLineDash([]);
        context.lineWidth = 1;
        context.strokeStyle = w.ink.back;
        for (let at = 0; at < curve.checks; at++) {
          const best = check(curve, at, 0) === curve.best;
          mark(context, curve.colour, x(check(curve, at, 0)), y(check(curve, at, 1)), best ? 7 : curve.checks > 60 ? 0.1 : 3.5);
        }
      }
      context.restore();
      cursor(context, x, box.top, box.bottom);
    }, (width) => Math.max(230, Math.min(380, width * 0.42)));

    const rate = canvas(w, "run_widget.rate", (context, width, height) => {
      if (!shown.length) return;
      const box = { left: 56, right: width - 12, top: 20, bottom: height - 8 };
      const high = shown.reduce((most, curve) => Math.max(most, ...Array.from({ length: curve.groups }, (_, at) => group(curve, at, 4))), 0);
      const x = across(width);
      const y = axis([0, high || 1], [box.bottom, box.top], false);
      frame(context, x, y, box, w.say("run_widget.rate"), false);
      for (const curve of shown) {
        context.strokeStyle = classColour(curve.colour);
        context.setLineDash(DASHES[curve.run]);
        context.lineWidth = 2;
        line(context, curve.groups, (at) => [x(group(curve, at, 0)), y(group(curve, at, 4))]);
      }
      cursor(context, x, box.top, box.bottom);
    }, () => 110);

    const go = (step) => {
      const wanted = Math.max(0, Math.min(last(), Math.round(step)));
      w.set({ step: wanted === last() ? -1 : wanted }); // at once here, so that quick keys add up
    };
    for (const surface of [loss, rate]) {
      const follow = (x) => go(across(surface.clientWidth).back(x));
      drag(w, surface, { begin: (x) => (follow(x), true), move: follow });
      surface.style.touchAction = "pan-y"; // a page with curves can still be scrolled by finger
      w.on(surface, "keydown", (event) => {
        const far = Math.max(1, Math.round(last() / 40));
        const to = { ArrowLeft: now() - (event.shiftKey ? far : 1), ArrowRight: now() + (event.shiftKey ? far : 1), PageUp: now() - far, PageDown: now() + far, Home: 0, End: last() }[event.key];
        if (to === undefined) return;
        event.preventDefault();
        go(to);
      });
    }
    const slide = node("input", { type: "range", min: 0, step: 1 });
    const slideName = node("span");
    const slideValue = node("output");
    w.on(slide, "input", () => go(Number(slide.value)));
    const bar = node("label", { class: "fofx-control run-scrub" }, slideName, slide, slideValue);
    const settings = node("div", { class: "fofx-row" }, bar,
      tick(w, { key: "run_widget.log_loss", get: () => model.get("log_loss"), set: (value) => w.set({ log_loss: value }) }),
      tick(w, { key: "run_widget.log_step", get: () => model.get("log_step"), set: (value) => w.set({ log_step: value }) }));
    const pictures = node("div", {}, legend, loss, rate, settings, values);
    w.root.append(title, about, empty, pictures, ladder);

    const several = () => model.get("runs").length > 1;
    const nameOf = (curve) => (several() ? `${model.get("runs")[curve.run].name} · ${curve.rung}` : curve.rung);

    /** A short piece of the curve's own line, with its mark. */
    function sample(colour, run) {
      const made = node("canvas", { width: 68, height: 28, "aria-hidden": "true", style: "width:34px;height:14px" });
      const context = made.getContext("2d");
      context.scale(2, 2);
      context.strokeStyle = context.fillStyle = classColour(colour);
      context.lineWidth = 2.4;
      context.setLineDash(DASHES[run]);
      context.beginPath();
      context.moveTo(0, 7);
      context.lineTo(34, 7);
      context.stroke();
      context.setLineDash([]);
      mark(context, colour, 17, 7, 4);
      return made;
    }

    function names() {
      const curves = model.get("curves");
      const hidden = model.get("hidden").map(String);
      title.textContent = w.say("run_widget.title") + (model.get("live") ? ` · ${w.say("run_widget.live")}` : "");
      about.textContent = w.say("run_widget.about");
      pictures.hidden = about.hidden = !curves.length;
      empty.hidden = curves.length > 0;
      empty.textContent = w.say(model.get("live") ? "run_widget.none" : "run_widget.never");
      legend.setAttribute("aria-label", w.say("run_widget.curves"));
      const held = document.activeElement?.dataset?.curve;
      legend.replaceChildren(...curves.map((curve, colour) => {
        const key = [curve.run, curve.rung];
        const on = !hidden.includes(String(key));
        const press = node("button", { type: "button", class: "fofx-button run-curve", "aria-pressed": null, "data-curve": String(key), "aria-label": nameOf(curve), title: curve.best === null ? null : w.say("run_widget.best", { step: curve.best }), style: on ? null : "opacity:0.45" }, sample(colour, curve.run), nameOf(curve));
        press.setAttribute("aria-checked", String(on));
        press.setAttribute("role", "switch");
        press.addEventListener("click", () => {
          const rest = model.get("hidden").filter((other) => String(other) !== String(key));
          w.set({ hidden: on ? [...rest, key] : rest });
        });
        return press;
      }));
      if (held) legend.querySelector(`[data-curve="${CSS.escape(held)}"]`)?.focus();
      w.redraw();
    }

    function table() {
      slideName.textContent = w.say("run_widget.scrub");
      slide.max = last();
      slide.value = now();
      slideValue.textContent = model.get("step") < 0 ? `${last()} (${w.say("run_widget.last")})` : String(now());
      const head = [...(several() ? ["run_widget.run"] : []), "run_widget.rung", "run_widget.step", "run_widget.epoch", "run_widget.train", "run_widget.validation", "run_widget.rate", "run_widget.gradient"];
      const rows = model.get("at").map((line) => [
        ...(several() ? [model.get("runs")[line.run].name] : []),
        line.rung,
        line.past ? `${line.step} (${w.say("run_widget.ended")})` : brief(line.step, 7),
        brief(line.epoch),
        brief(line.loss, 4),
        line.validation == null ? "–" : line.checked === line.step ? brief(line.validation, 4) : w.say("run_widget.checked", { value: brief(line.validation, 4), step: line.checked }),
        brief(line.rate),
        brief(line.gradient_norm),
      ]);
      values.replaceChildren(grid(head.map((key) => w.say(key)), rows));
      w.redraw();
    }

    function bars() {
      ladder.replaceChildren(...model.get("runs").filter((run) => run.rungs.length).map((run) => {
        const scores = run.rungs.flatMap((rung) => [rung.validation, rung.test]).filter((value) => Number.isFinite(value));
        const most = Math.max(1e-12, ...scores.map(Math.abs));
        const one = (value, kind) => (Number.isFinite(value)
          ? node("div", { class: `run-bar run-${kind}` }, node("div", {}, node("i", { style: `width:${(Math.max(0, value) / most) * 100}%` })), node("span", {}, `${brief(value, 4)} `, node("small", {}, w.say(kind === "test" ? "run_widget.on_test" : "run_widget.on_validation"))))
          : null);
        const row = (rung) => {
          const best = rung.name === run.winner;
          const note = rung.learning ? w.say("run_widget.learning") : rung.error ? w.say("run_widget.failed", { error: rung.error }) : null;
          const under = [best ? w.say("run_widget.winner") : null, Number.isFinite(rung.seconds) && !rung.error ? w.say("run_widget.seconds", { value: brief(rung.seconds) }) : null].filter(Boolean).join(" · ");
          return node("li", { class: best ? "run-best" : null },
            node("div", { class: "run-name" }, best ? "★ " : "", rung.name, node("small", {}, under)),
            node("div", {}, one(rung.validation, "validation"), one(rung.test, "test"), note ? node("small", {}, note) : null));
        };
        const metric = run.metric ? w.say("run_widget.ladder", { metric: run.metric }) : w.say("run_widget.on_validation");
        const way = run.metric ? ` (${w.say(run.more_is_better ? "run_widget.more" : "run_widget.less")})` : "";
        return node("div", {}, node("h3", {}, several() ? `${run.name} · ` : "", metric, node("small", { class: "fofx-soft" }, way)), node("ul", {}, run.rungs.map(row)));
      }));
    }

    let timer = 0;
    const poll = () => {
      clearTimeout(timer);
      if (!model.get("live")) return;
      timer = setTimeout(() => {
        if (!document.hidden) w.tell({ do: "refresh" });
        poll();
      }, EVERY);
    };
    w.ending(() => clearTimeout(timer));
    w.watch("live", poll);
    w.watch("points curves hidden", load);
    w.watch("curves hidden words live runs", names);
    w.watch("at curves step words runs", table);
    w.watch("runs words", bars);
    w.watch("log_loss log_step theme", () => w.redraw());
    load();
    names();
    table();
    bars();
    poll();
    return w.done;
  },
};
