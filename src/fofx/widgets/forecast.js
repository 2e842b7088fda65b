// The past, the forecast with its interval, what came, and the naive answers. Form tells them apart as well as colour: what came
// are round points, the forecast diamonds on a full line, a naive answer squares on a dashed line.

export default {
  render({ model, el }) {
    const w = widget(model, el, "forecast");
    const now = () => model.get("now");
    const at = () => model.get("moment");
    const drawnNaive = () => model.get("names").map((name, number) => [name, number]).filter(([name]) => !model.get("away").includes(name));
    const naiveColour = (number) => classColour([1, 2, 3, 6][number % 4]);
    const go = (moment) => w.set({ moment: Math.max(0, Math.min(model.get("count") - 1, moment)) });
    const timeOf = (moment) => model.get("times")[moment] ?? w.say("forecast.number", { number: moment + 1 });
    let over = null;

    const range = (values, part = 0.06) => {
      const known = values.filter((value) => value !== null && Number.isFinite(value));
      if (!known.length) return [0, 1];
      const [low, high] = [known.reduce((a, b) => Math.min(a, b)), known.reduce((a, b) => Math.max(a, b))];
      const room = (high - low || Math.abs(high) || 1) * part;
      return [low - room, high + room];
    };

    function line(context, points, colour, dashes = [], width = 2) {
      context.strokeStyle = colour;
      context.lineWidth = width;
      context.setLineDash(dashes);
      context.beginPath();
      let pen = false;
      for (const [x, y] of points) {
        if (y === null || !Number.isFinite(y)) pen = false;
        else {
          if (pen) context.lineTo(x, y);
          else context.moveTo(x, y);
          pen = true;
        }
      }
      context.stroke();
      context.setLineDash([]);
    }
    function points(context, form, places, colour, size = 4) {
      context.fillStyle = colour;
      context.strokeStyle = w.ink.back;
      context.lineWidth = 1;
      for (const [x, y] of places) if (y !== null && Number.isFinite(y)) mark(context, form, x, y, size);
    }

    // ---- one moment

    const told = () => {
      const [first, right] = [now().forecast?.[0], now().right?.[0]];
      return w.say("forecast.told", { time: timeOf(at()), forecast: brief(first, 4), right: brief(right, 4) });
    };
    const chart = canvas(w, told, (context, width, height) => {
      const { past, forecast, right, low, high, naive } = now();
      if (!past) return;
      const seen = drawnNaive();
      const all = [...past, ...forecast, ...(right ?? []), ...(low ?? []), ...(high ?? []), ...seen.flatMap(([, number]) => naive[number])];
      const x = scale([-past.length + 1, Math.max(forecast.length, 1)], [46, width - 10]);
      const y = scale(range(all), [height - 40, 18]);
      axes(context, w, x, y, [w.say("forecast.steps"), model.get("series")]);
      const place = (from) => (value, step) => [x(from + step), value === null ? null : y(value)];
      const last = past[past.length - 1];
      const from = (values) => [[x(0), last === null ? null : y(last)], ...values.map(place(1))];
      context.strokeStyle = w.ink.line;
      line(context, [[x(0), 14], [x(0), height - 40]], w.ink.line, [3, 3], 1);
      if (low && high) {
        context.fillStyle = w.ink.plus;
        context.globalAlpha = 0.2;
        context.beginPath();
        const upper = high.map(place(1)).filter(([, value]) => value !== null);
        const lower = low.map(place(1)).filter(([, value]) => value !== null);
        if (upper.length === 1) {
          const half = Math.max(5, (x(1) - x(0)) * 0.3);
          context.rect(upper[0][0] - half, upper[0][1], 2 * half, lower[0][1] - upper[0][1]);
        } else [...upper, ...lower.reverse()].forEach(([left, top], number) => (number ? context.lineTo(left, top) : context.moveTo(left, top)));
        context.fill();
        context.globalAlpha = 1;
      }
      line(context, past.map(place(-past.length + 1)), w.ink.text);
      points(context, 0, past.length > 60 ? [] : past.map(place(-past.length + 1)), w.ink.text, 2.5);
      for (const [, number] of seen) {
        line(context, from(naive[number]), naiveColour(number), [5, 4]);
        points(context, 1, naive[number].map(place(1)), naiveColour(number), 4);
      }
      if (right) {
        line(context, from(right), w.ink.text);
        points(context, 0, right.map(place(1)), w.ink.text, 4.5);
      }
      line(context, from(forecast), w.ink.plus, [], 2.5);
      points(context, 3, forecast.map(place(1)), w.ink.plus, 4.5);
      if (over && over[0] > 46) {
        const step = Math.round(x.back(over[0]));
        const value = step <= 0 ? past[past.length - 1 + step] : forecast[step - 1];
        if (value === undefined || value === null) return;
        const more = step > 0 && right?.[step - 1] !== undefined && right[step - 1] !== null ? ` · ${w.say("forecast.right")} ${brief(right[step - 1], 4)}` : "";
        context.fillStyle = w.ink.text;
        context.textAlign = x(step) > width / 2 ? "right" : "left";
        context.textBaseline = "top";
        context.fillText(`${step > 0 ? "+" : ""}${step}: ${brief(value, 4)}${more}`, x(step), 0);
        line(context, [[x(step), 14], [x(step), height - 40]], w.ink.soft, [1, 3], 1);
      }
    }, (width) => Math.max(230, Math.min(360, width * 0.42)));
    hovering(w, chart, (spot) => (over = spot));

    // ---- all moments

    const course = canvas(w, () => w.say("forecast.course"), (context, width, height) => {
      const count = model.get("count");
      const values = floats(model.get("course"));
      if (count < 2 || values.length < 2 * count) return;
      const row = (number) => Array.from(values.subarray(number * count, (number + 1) * count));
      const x = scale([0, count - 1], [46, width - 10]);
      const y = scale(range(Array.from(values)), [height - 22, 6]);
      const place = (value, moment) => [x(moment), Number.isFinite(value) ? y(value) : null];
      drawnNaive().forEach(([, number]) => line(context, row(2 + number).map(place), naiveColour(number), [4, 4], 1));
      line(context, row(0).map(place), w.ink.text, [], 1.5);
      line(context, row(1).map(place), w.ink.plus, [], 1.5);
      context.fillStyle = w.ink.soft;
      context.textBaseline = "top";
      context.textAlign = "left";
      context.fillText(timeOf(0), 46, height - 16);
      context.textAlign = "right";
      context.fillText(timeOf(count - 1), width - 10, height - 16);
      context.fillText(brief(y.domain[1]), 42, 4);
      context.fillText(brief(y.domain[0]), 42, height - 34);
      line(context, [[x(at()), 2], [x(at()), height - 20]], w.ink.accent, [], 2.5);
    }, () => 110);
    const toMoment = (place) => go(Math.round(((place - 46) / (course.clientWidth - 56)) * (model.get("count") - 1)));
    drag(w, course, { begin: (place) => (toMoment(place), true), move: toMoment });
    course.style.touchAction = "pan-y"; // a finger going up or down still moves the page
    for (const surface of [chart, course]) {
      w.on(surface, "keydown", (event) => {
        const to = { ArrowLeft: at() - 1, ArrowRight: at() + 1, Home: 0, End: model.get("count") - 1 }[event.key];
        if (to === undefined) return;
        event.preventDefault();
        go(to);
      });
    }

    const title = node("h3");
    const about = node("p", { class: "fofx-soft" });
    const key = node("div", { class: "fofx-row fore-key" });
    const inside = node("p", { class: "fofx-soft" });
    const table = node("div", { class: "fofx-scroll" });
    const all = node("p", { class: "fofx-soft" });
    const moment = slider(w, { key: "forecast.moment", min: 0, max: 0, step: 1, get: at, set: go, show: (value) => timeOf(value) });

    function sign(form, colour) {
      const svg = node("canvas", { width: "36", height: "24", class: "fore-sign", "aria-hidden": "true" });
      const context = svg.getContext("2d");
      context.scale(2, 2);
      context.fillStyle = colour;
      context.strokeStyle = colour;
      context.lineWidth = 1.5;
      if (form === 1) context.setLineDash([3, 2]);
      context.beginPath();
      context.moveTo(0, 6);
      context.lineTo(18, 6);
      context.stroke();
      mark(context, form, 9, 6, 3);
      return svg;
    }
    function keys() {
      const held = el.contains(document.activeElement) ? document.activeElement.dataset?.naive : null;
      const items = [node("span", { class: "fore-item" }, sign(0, w.ink.text), w.say(now().right ? "forecast.known" : "forecast.past")), node("span", { class: "fore-item" }, sign(3, w.ink.plus), w.say(now().low ? "forecast.interval" : "forecast.forecast"))];
      model.get("names").forEach((name, number) => {
        const box = node("input", { type: "checkbox", "data-naive": name });
        box.checked = !model.get("away").includes(name);
        box.addEventListener("change", () => {
          const rest = model.get("away").filter((other) => other !== name);
          w.set({ away: box.checked ? rest : [...rest, name] });
        });
        items.push(node("label", { class: "fore-item" }, box, sign(1, naiveColour(number)), name));
      });
      key.replaceChildren(...items);
      if (held) [...key.querySelectorAll("input")].find((box) => box.dataset.naive === held)?.focus();
    }

    function numbers() {
      const ahead = now().forecast?.length ?? 1;
      const many = model.get("count") > 1;
      const head = ["", ...(many ? [w.say("forecast.error.all")] : []), ...(ahead > 1 ? [w.say("forecast.error.first"), w.say("forecast.error.last", { step: ahead })] : []), w.say("forecast.error.here")];
      const rows = model.get("table").map((each) => [each.name || w.say("forecast.forecast"), ...(many ? [brief(each.all)] : []), ...(ahead > 1 ? [brief(each.first), brief(each.last)] : []), brief(each.here)]);
      table.hidden = !now().right;
      table.replaceChildren(grid(head, rows, w.say("forecast.errors")));
      const share = model.get("inside");
      inside.textContent = share === null || !many ? "" : w.say("forecast.inside", { share: (100 * share).toFixed(0) });
    }

    function show() {
      title.textContent = model.get("title") || w.say("forecast.title");
      const many = model.get("count") > 1;
      about.textContent = many ? w.say("forecast.about", { time: timeOf(at()) }) : model.get("times").length ? w.say("forecast.alone", { time: timeOf(0) }) : "";
      moment.hidden = course.hidden = all.hidden = !many;
      all.textContent = w.say("forecast.course");
      moment.querySelector("input").max = model.get("count") - 1;
      moment.update();
      keys();
      numbers();
      w.redraw();
    }
    w.root.append(title, about, key, chart, node("div", { class: "fofx-row" }, moment), all, course, inside, table);
    let dark = w.dark;
    w.drawing(() => {
      if (dark === w.dark) return;
      dark = w.dark;
      keys();
    });
    w.watch("now table moment away names times title words count course inside", show);
    show();
    return w.done;
  },
};
