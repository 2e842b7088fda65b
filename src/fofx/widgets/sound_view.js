// A sound: its waveform, its spectrogram, what carried the answer over time, and a cursor that runs while it plays. The traits
// are those of sound.py with `prefix` before their names.

// Five stops of a scale that grows evenly brighter for every eye (after viridis).
const LOUDNESS = [[12, 7, 46], [59, 40, 122], [33, 113, 141], [63, 188, 115], [250, 230, 60]];

function loudness(share) {
  const at = Math.max(0, Math.min(1, share)) * (LOUDNESS.length - 1);
  const [low, part] = [Math.min(Math.floor(at), LOUDNESS.length - 2), at - Math.min(Math.floor(at), LOUDNESS.length - 2)];
  return LOUDNESS[low].map((channel, number) => Math.round(channel + (LOUDNESS[low + 1][number] - channel) * part));
}

/** The parts of one sound: {element, refresh}. */
function soundView(w, prefix, key) {
  const get = (trait) => w.model.get(prefix + trait);
  const seconds = () => get("about").seconds ?? 0;
  const LEFT = 42;
  let at = 0; // the cursor, in seconds
  let playing = null; // {source, context, begun, from}
  let drawn = null; // the spectrogram, until another comes
  let loaded = null; // the outline and effects the cursor belongs to

  const bytes = (trait) => {
    const view = get(trait);
    return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  };

  function spectrogram() {
    const { columns, bands } = get("about");
    const values = bytes("mel");
    if (!columns || values.length !== columns * bands) return null;
    const places = Array.from({ length: columns * bands }, (_, place) => (place % columns) * bands + (bands - 1 - Math.floor(place / columns)));
    return (drawn ??= picture(places, columns, bands, (place) => loudness(values[place] / 255)));
  }

  const x = (width, time) => LEFT + (time / (seconds() || 1)) * (width - LEFT - 2);

  function cursor(context, width, height) {
    context.strokeStyle = w.ink.plus;
    context.lineWidth = 2;
    context.beginPath();
    context.moveTo(x(width, at), 0);
    context.lineTo(x(width, at), height);
    context.stroke();
  }

  const told = () => w.say(key, { seconds: seconds().toFixed(2), rate: get("about").rate ?? 0, at: at.toFixed(2) });
  const wave = canvas(w, told, (context, width, height) => {
    const values = floats(get("outline"));
    const columns = values.length / 2;
    const middle = height / 2;
    context.strokeStyle = w.ink.line;
    context.beginPath();
    context.moveTo(LEFT, middle);
    context.lineTo(width, middle);
    context.stroke();
    context.fillStyle = w.ink.minus;
    for (let pixel = LEFT; pixel < width - 2; pixel++) {
      const from = Math.floor(((pixel - LEFT) / (width - LEFT - 2)) * columns);
      const to = Math.max(from + 1, Math.floor(((pixel + 1 - LEFT) / (width - LEFT - 2)) * columns));
      let [low, high] = [1, -1];
      for (let column = from; column < Math.min(to, columns); column++) {
        low = Math.min(low, values[column]);
        high = Math.max(high, values[columns + column]);
      }
      if (high >= low) context.fillRect(pixel, middle - high * middle * 0.96, 1, Math.max(1, (high - low) * middle * 0.96));
    }
    cursor(context, width, height);
  }, (width) => Math.max(56, Math.min(90, width * 0.14)));

  const effects = canvas(w, () => w.say("sound.effects"), (context, width, height) => {
    const bands = get("effects");
    const most = get("about").most || bands.reduce((high, [, , effect]) => Math.max(high, Math.abs(effect)), 1e-9);
    const middle = height / 2;
    context.strokeStyle = w.ink.line;
    context.strokeRect(LEFT, 0.5, width - LEFT - 2, height - 1);
    for (const [from, to, effect] of bands) {
      const tall = (effect / most) * (middle - 2);
      context.fillStyle = effect > 0 ? w.ink.minus : w.ink.plus; // blue speaks for an answer, as in every explanation
      const [left, wide] = [x(width, from), x(width, to) - x(width, from)];
      context.fillRect(left, effect > 0 ? middle - tall : middle, wide > 6 ? wide - 1 : wide, Math.abs(tall));
    }
    context.strokeStyle = w.ink.soft;
    context.beginPath();
    context.moveTo(LEFT, middle);
    context.lineTo(width - 2, middle);
    context.stroke();
    cursor(context, width, height);
  }, () => 46);

  const heard = canvas(w, () => w.say("sound.spectrogram"), (context, width, height) => {
    const shown = spectrogram();
    const bottom = height - 20;
    if (shown) {
      context.imageSmoothingEnabled = false;
      context.drawImage(shown, LEFT, 0, width - LEFT - 2, bottom);
    }
    context.fillStyle = w.ink.soft;
    context.textAlign = "right";
    context.textBaseline = "middle";
    const { bands, pitches } = get("about");
    let above = -20; // from the top down, as many as have room
    for (const [hertz, place] of (pitches ?? []).slice().reverse()) {
      const y = bottom * (1 - (place + 0.5) / bands);
      if (y < 6 || y - above < 14) continue;
      above = y;
      context.fillText(hertz >= 1000 ? `${hertz / 1000}k` : String(hertz), LEFT - 5, y);
    }
    context.textBaseline = "top";
    for (const time of ticks(0, seconds(), Math.max(2, width / 90))) {
      const last = x(width, time) > width - 30;
      context.textAlign = last ? "right" : "center";
      context.fillText(`${brief(time)} s`, x(width, time), bottom + 5);
    }
    cursor(context, width, bottom);
  }, (width) => Math.max(120, Math.min(220, width * 0.3)));

  // ---- playing

  const said = node("p", { class: "fofx-soft", role: "status", hidden: "" });
  function pause() {
    if (!playing) return;
    const { source, context } = playing;
    playing = null;
    source.onended = null;
    source.stop();
    context.close();
    name();
  }
  async function start() {
    const { rate } = get("about");
    const view = get("samples");
    const whole = new Int16Array(bytes("samples").slice().buffer);
    said.hidden = true;
    try {
      const context = new AudioContext();
      const buffer = context.createBuffer(1, whole.length, rate);
      buffer.copyToChannel(Float32Array.from(whole, (value) => value / 32768), 0);
      const source = context.createBufferSource();
      source.buffer = buffer;
      source.connect(context.destination);
      if (at >= seconds() - 0.02) at = 0;
      await context.resume();
      if (view !== get("samples")) return context.close(); // another sound came meanwhile
      playing = { source, context, from: at, begun: context.currentTime };
      source.onended = () => {
        at = seconds();
        pause();
        w.redraw();
      };
      source.start(0, at);
    } catch (error) {
      said.textContent = w.say("sound.silent", { why: error.message });
      said.hidden = false;
    }
    name();
    turn();
  }
  function turn() {
    if (!playing) return;
    at = Math.min(seconds(), playing.from + playing.context.currentTime - playing.begun);
    w.redraw();
    requestAnimationFrame(turn);
  }
  function to(time) {
    const going = playing !== null;
    pause();
    at = Math.max(0, Math.min(seconds(), time));
    if (going) start();
    w.redraw();
  }

  const play = button(w, "kit.play", () => (playing ? pause() : start()));
  const clock = node("span", { class: "sound-clock" });
  function name() {
    play.textContent = w.say(playing ? "kit.pause" : "kit.play");
    play.setAttribute("aria-pressed", String(playing !== null));
  }
  w.drawing(() => (clock.textContent = `${at.toFixed(2)} / ${seconds().toFixed(2)} s`));

  for (const surface of [wave, effects, heard]) {
    const time = (place) => ((place - LEFT) / (surface.clientWidth - LEFT - 2)) * seconds();
    drag(w, surface, { begin: (place) => (to(time(place)), true), move: (place) => to(time(place)) });
    surface.style.touchAction = "pan-y"; // a finger going up or down still moves the page
    w.on(surface, "keydown", (event) => {
      const step = { ArrowLeft: -seconds() / 50, ArrowRight: seconds() / 50, Home: -1e9, End: 1e9 }[event.key];
      if (event.key === " ") {
        event.preventDefault();
        return playing ? pause() : start();
      }
      if (step === undefined) return;
      event.preventDefault();
      to(at + step);
      w.announce(`${at.toFixed(2)} s`);
    });
  }
  w.ending(pause);

  const band = node("div", {}, node("p", { class: "fofx-soft sound-name" }), effects);
  const parts = node("div", { class: "sound-view" }, wave, band, heard, node("div", { class: "fofx-row sound-tools" }, play, clock), said);
  function refresh() {
    if (loaded !== get("samples")) {
      loaded = get("samples");
      pause();
      at = 0;
    }
    drawn = null;
    name();
    parts.hidden = !get("about").seconds;
    band.hidden = !get("effects").length;
    band.firstChild.textContent = w.say("sound.effects");
    w.redraw();
  }
  w.watch(["samples", "outline", "mel", "about", "effects"].map((trait) => prefix + trait).join(" "), refresh);
  w.watch("words", refresh);
  refresh();
  return { element: parts, refresh };
}
