// Hosts one anywidget on a page: a model with get, set, save_changes, on, off and send, over a binary socket of its own.
//
// A message is one frame: 4 bytes with the length of the head (little endian), the head as JSON, zeros up to a multiple of 8,
// then the buffers, each padded to 8, so that numbers can be read in place. bridge.py says what the heads mean.

const KEPT = 300; // messages kept until Python has them
const join = (head, buffers) => {
  const sizes = buffers.map((buffer) => buffer.byteLength);
  const text = new TextEncoder().encode(JSON.stringify({ ...head, sizes }));
  const up = (size) => (size + 7) & ~7;
  const frame = new Uint8Array(up(4 + text.length) + sizes.reduce((sum, size) => sum + up(size), 0));
  new DataView(frame.buffer).setUint32(0, text.length, true);
  frame.set(text, 4);
  let at = up(4 + text.length);
  for (const buffer of buffers) {
    frame.set(buffer instanceof ArrayBuffer ? new Uint8Array(buffer) : new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength), at);
    at += up(buffer.byteLength);
  }
  return frame;
};
const split = (frame) => {
  const length = new DataView(frame).getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(frame, 4, length)));
  let at = (4 + length + 7) & ~7;
  const buffers = head.sizes.map((size) => {
    const view = new DataView(frame, at, size);
    at += (size + 7) & ~7;
    return view;
  });
  return [head, buffers];
};
const isBuffer = (value) => value instanceof ArrayBuffer || ArrayBuffer.isView(value);
/** Take the buffers out of nested values: [rest, paths, buffers]; `put` sets them in again. */
const take = (value, path, paths, buffers) => {
  if (isBuffer(value)) {
    paths.push(path);
    buffers.push(value);
    return null;
  }
  if (Array.isArray(value)) return value.map((each, at) => take(each, [...path, at], paths, buffers));
  if (value && typeof value === "object" && !value.toJSON)
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, take(each, [...path, key], paths, buffers)]));
  return value;
};
const put = (state, paths, buffers) =>
  paths.forEach((path, number) => {
    const last = path[path.length - 1];
    path.slice(0, -1).reduce((at, key) => at[key], state)[last] = buffers[number];
  });

export default {
  template: `<div class="fofx-bridge"><p v-if="problem" role="alert" class="fofx-bridge-problem">{{ problem }}</p><div ref="place"></div></div>`,
  props: { address: String, module: String, styles: String, texts: Object },
  data: () => ({ problem: "" }),
  mounted() {
    this.over = new AbortController();
    this.state = null; // null until the first full state is here
    this.heard = {}; // listeners by event
    this.changed = {}; // set, but not saved yet
    this.pending = {}; // trait -> number of our latest message with it
    this.kept = []; // [number, head, buffers] that Python may not have yet
    this.number = this.seen = 0;
    this.ready = false; // the whole state has come over this connection
    this.pause = 250;
    this.model = this.makeModel();
    this.connect();
    this.waked = () => document.visibilityState === "visible" && !this.socket && this.connect();
    document.addEventListener("visibilitychange", this.waked);
  },
  beforeUnmount() {
    this.over.abort();
    clearTimeout(this.retry);
    document.removeEventListener("visibilitychange", this.waked);
    this.socket?.close();
    for (const clean of (this.cleanings ?? []).reverse()) Promise.resolve().then(clean).catch((error) => console.warn(error));
    this.heard = {};
  },
  methods: {
    makeModel() {
      const model = {
        get: (name) => this.state[name],
        set: (name, value) => {
          if (name && typeof name === "object") return Object.entries(name).forEach(([key, each]) => model.set(key, each));
          const before = this.state[name];
          this.state[name] = value;
          this.changed[name] = value;
          if (before !== value) this.fire(`change:${name}`, model, value);
          if (before !== value) this.fire("change", model);
        },
        save_changes: () => {
          const names = Object.keys(this.changed);
          if (!names.length) return;
          const [paths, buffers] = [[], []];
          const state = take(this.changed, [], paths, buffers);
          this.changed = {};
          this.pass({ what: "update", state, paths }, buffers);
        },
        on: (names, listener) => names.split(" ").forEach((name) => (this.heard[name] ??= []).push(listener)),
        off: (names, listener) => {
          for (const name of names ? names.split(" ") : Object.keys(this.heard))
            this.heard[name] = listener ? (this.heard[name] ?? []).filter((each) => each !== listener) : [];
        },
        send: (content, _callbacks, buffers = []) => this.pass({ what: "custom", content }, buffers ?? []),
        widget_manager: { get_model: () => Promise.reject(new Error("one widget stands alone here")) },
      };
      return model;
    },
    fire(name, ...given) {
      for (const listener of [...(this.heard[name] ?? [])]) {
        try {
          listener(...given);
        } catch (error) {
          this.fail("broken", error);
        }
      }
    },
    fail(key, error) {
      this.problem = this.texts[key] + (error ? ` (${error.message ?? error})` : "");
      if (error) console.warn("fofx widget:", error);
    },
    pass(head, buffers) {
      const tail = this.kept[this.kept.length - 1];
      if (!this.ready && tail && head.what === "update" && tail[1].what === "update" && !tail[2].length && !buffers.length) {
        Object.assign(tail[1].state, head.state); // not sent yet: the latest value of each trait is enough
        for (const name of Object.keys(head.state)) this.pending[name] = tail[0];
        return;
      }
      this.number += 1;
      for (const name of Object.keys(head.state ?? {})) this.pending[name] = this.number;
      const message = [this.number, head, buffers];
      this.kept.push(message);
      if (this.kept.length > KEPT) this.kept.shift();
      if (this.ready) this.post(message);
    },
    post([number, head, buffers]) {
      if (this.socket?.readyState === 1) this.socket.send(join({ ...head, number }, buffers)); // else at the next connection
    },
    connect() {
      if (this.over.signal.aborted || this.socket) return;
      const socket = new WebSocket(`${location.protocol.replace("http", "ws")}//${location.host}${this.address}`);
      socket.binaryType = "arraybuffer";
      this.socket = socket;
      socket.onopen = () => socket.send(join({ what: "hello", seen: this.seen }, []));
      socket.onmessage = (event) => this.socket === socket && this.receive(...split(event.data));
      socket.onclose = (event) => {
        if (this.socket !== socket) return;
        this.socket = null;
        this.ready = false;
        if (this.over.signal.aborted) return;
        if (event.code === 4404 || event.code === 4409) return this.fail(event.code === 4404 ? "gone" : "elsewhere");
        this.fail("lost");
        clearTimeout(this.retry);
        this.retry = setTimeout(() => this.connect(), this.pause * (0.75 + Math.random() / 2));
        this.pause = Math.min(this.pause * 2, 5000);
      };
    },
    receive(head, buffers) {
      while (this.kept.length && this.kept[0][0] <= head.got) this.kept.shift();
      if (head.what === "custom") this.fire("msg:custom", head.content, buffers);
      else if (head.what === "trouble") this.problem = head.text;
      else if (head.what !== "got") {
        put(head.state, head.paths, buffers);
        if (head.what === "state") this.whole(head.state, head.done);
        else this.take(head.state, head.done);
      }
      if (!head.number) return;
      this.seen = head.number;
      if (this.socket?.readyState === 1) this.socket.send(join({ what: "seen", number: head.number }, []));
    },
    /** New values from Python. What the page has set since Python last heard of it is newer, and stays. */
    take(state, done) {
      const stays = (name) => name in this.changed || (this.pending[name] ?? 0) > done;
      const names = Object.keys(state).filter((name) => !stays(name) && !same(this.state[name], state[name]));
      for (const name of names) this.state[name] = state[name];
      for (const name of names) this.fire(`change:${name}`, this.model, state[name]);
      if (names.length) this.fire("change", this.model);
    },
    /** All traits: at the first connection, and after each later one, when both sides may have moved on. */
    whole(state, done) {
      this.pause = 250;
      this.problem = "";
      this.ready = true;
      for (const message of this.kept) this.post(message);
      if (this.state) return this.take(state, done);
      this.state = state;
      this.begin();
    },
    async begin() {
      this.cleanings = [];
      const signal = this.over.signal;
      const invoke = (name, msg, { buffers = [], signal: ends = AbortSignal.timeout(3000) } = {}) =>
        new Promise((done, failed) => {
          const id = crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`;
          const answer = (content, more) => {
            if (content?.id !== id) return;
            this.model.off("msg:custom", answer);
            done([content.response, more]);
          };
          ends.addEventListener("abort", () => {
            this.model.off("msg:custom", answer);
            failed(ends.reason);
          });
          this.model.on("msg:custom", answer);
          this.model.send({ id, kind: "anywidget-command", name, msg }, undefined, buffers);
        });
      try {
        if (this.styles) await dressed(this.styles);
        const loaded = await import(this.module);
        let widget = loaded.default ?? loaded;
        if (typeof widget === "function") widget = await widget();
        const given = { model: this.model, signal, experimental: { invoke } };
        const box = document.createElement("div");
        if (signal.aborted) return;
        this.$refs.place.append(box);
        for (const made of [await widget.initialize?.(given), signal.aborted ? null : await widget.render?.({ ...given, el: box })]) {
          if (typeof made !== "function") continue;
          if (signal.aborted) made();
          else this.cleanings.push(made);
        }
      } catch (error) {
        this.fail("broken", error);
      }
    },
  },
};

/** The style sheet at `address`, once on a page however many widgets share it; waits until it is here, or cannot be had. */
const sheets = {};
function dressed(address) {
  return (sheets[address] ??= new Promise((done) => {
    const link = Object.assign(document.createElement("link"), { rel: "stylesheet", href: address, onload: done, onerror: done });
    document.head.append(link);
  }));
}

/** Whether two values are the same, so that an echo changes nothing. Buffers are never compared: they are new. */
function same(one, other) {
  if (one === other) return true;
  if (isBuffer(one) || isBuffer(other) || typeof one !== "object" || typeof other !== "object" || !one || !other) return false;
  return JSON.stringify(one) === JSON.stringify(other) && !JSON.stringify(one).includes("{}");
}
