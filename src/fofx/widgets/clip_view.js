// A video: its frames to play and scrub, and a bar under each frame for its weight. The traits are those of clip.py with `prefix`
// before their names.

/** The parts of one video: {element, refresh}. */
function clipView(w, prefix) {
  const get = (trait) => w.model.get(prefix + trait);
  const count = () => get("clip").frames ?? 0;
  let at = 0; // the frame shown
  let loaded = null;
  let playing = false;
  let drawn = []; // frames as canvases, each made when it is first seen

  function frame(number) {
    const { height, width } = get("clip");
    const view = get("frames");
    const pixels = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
    const size = height * width * 3;
    if (pixels.length !== count() * size) return null; // the rest is still on its way
    return (drawn[number] ??= picture(Array.from({ length: height * width }, (_, place) => number * size + place * 3), width, height, (place) => pixels.subarray(place, place + 3)));
  }

  const ratio = () => (get("clip").height || 1) / (get("clip").width || 1);
  const TALLEST = 320;
  const told = () => w.say("clip.frame", { number: at + 1, count: count() }) + weightOf(at);
  const weightOf = (number) => (get("weights").length ? ` · ${w.say("clip.weight", { weight: brief(get("weights")[number]) })}` : "");
  const screen = canvas(w, told, (context, width, height) => {
    const shown = count() ? frame(at) : null;
    if (!shown) return;
    const wide = Math.min(width, TALLEST / ratio());
    context.imageSmoothingEnabled = shown.width > wide;
    context.drawImage(shown, (width - wide) / 2, 0, wide, height);
  }, (width) => Math.min(width * ratio(), TALLEST));

  /** All frames side by side, as large as there is room, with the bars below. */
  const BARS = 46;
  const step = (width) => Math.max(width / Math.max(1, count()), 4);
  const strip = canvas(w, () => w.say("clip.strip"), (context, width, height) => {
    if (!count()) return;
    const wide = step(width);
    const every = Math.max(1, Math.ceil(34 / wide)); // frames too narrow to be seen are left out
    const tall = stripHeight(width);
    for (let number = 0; number < count(); number += every) {
      const shown = frame(number);
      if (!shown) return;
      const room = wide * every - 2;
      const part = Math.min(shown.width, (shown.height * room) / tall); // the middle of a frame that is wider than its place
      context.drawImage(shown, (shown.width - part) / 2, 0, part, shown.height, number * wide + 1, 0, room, tall);
    }
    const weights = get("weights");
    if (weights.length) {
      const most = get("clip").most || weights.reduce((high, value) => Math.max(high, Math.abs(value)), 1e-9);
      const below = weights.some((value) => value < 0);
      const [zero, room] = below ? [tall + 4 + BARS / 2, BARS / 2 - 4] : [tall + BARS, BARS - 6];
      weights.forEach((value, number) => {
        const high = (Math.abs(value) / most) * room;
        context.fillStyle = get("signed") && value > 0 ? w.ink.minus : w.ink.plus; // blue speaks for an answer, as in every explanation
        context.fillRect(number * wide + 1, value < 0 ? zero : zero - high, Math.max(1, wide - 2), high);
      });
      context.fillStyle = w.ink.line;
      context.fillRect(0, zero, width, 1);
    }
    context.lineWidth = 3;
    context.strokeStyle = w.ink.accent;
    context.strokeRect(at * wide + 1.5, 1.5, Math.max(3, wide - 3), height - 3);
  }, (width) => stripHeight(width) + (get("weights").length ? BARS + 6 : 4));
  const stripHeight = (width) => Math.max(26, Math.min(72, step(width) * Math.max(1, Math.ceil(34 / step(width))) * ratio()));

  function go(number) {
    at = Math.max(0, Math.min(count() - 1, number));
    moment.update();
    w.redraw();
  }
  const moment = slider(w, { key: "clip.moment", min: 0, max: 0, step: 1, get: () => at, set: go, show: () => `${at + 1} / ${count()}` });
  const play = button(w, "kit.play", () => {
    playing = !playing;
    name();
    w.wake();
  });
  const said = node("span", { class: "fofx-soft" });
  let since = 0;
  w.loop(() => playing, (now) => {
    if (now - since < (1000 * get("clip").seconds) / Math.max(1, count())) return;
    since = now;
    go((at + 1) % Math.max(1, count()));
  });
  function name() {
    play.textContent = w.say(playing ? "kit.pause" : "kit.play");
    play.setAttribute("aria-pressed", String(playing));
  }
  w.drawing(() => (said.textContent = weightOf(at).slice(3)));

  const toPlace = (x) => go(Math.floor(x / step(strip.clientWidth)));
  drag(w, strip, { begin: (x) => (toPlace(x), true), move: toPlace });
  strip.style.touchAction = "pan-y"; // a finger going up or down still moves the page
  for (const surface of [screen, strip]) {
    w.on(surface, "keydown", (event) => {
      const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: count() - 1 }[event.key];
      if (event.key === " ") play.click();
      else if (to !== undefined) go(to);
      else return;
      event.preventDefault();
      w.announce(told());
    });
  }

  const about = node("p", { class: "fofx-soft clip-name" });
  const parts = node("div", { class: "clip-view" }, screen, strip, about, node("div", { class: "fofx-row" }, play, moment, said));
  function refresh() {
    if (loaded !== get("frames")) at = 0;
    loaded = get("frames");
    drawn = [];
    parts.hidden = !count();
    moment.querySelector("input").max = Math.max(0, count() - 1);
    about.hidden = !get("weights").length;
    about.textContent = w.say(get("signed") ? "clip.effects" : "clip.attention");
    moment.update();
    name();
    w.redraw();
  }
  w.watch(["frames", "clip", "weights", "signed"].map((trait) => prefix + trait).join(" "), refresh);
  w.watch("words", refresh);
  refresh();
  return { element: parts, refresh };
}
