// One sound, and where wanted a new one from the microphone or a file. The browser turns a recording into samples; all else is Python's.

export default {
  render({ model, el }) {
    const w = widget(model, el, "sound");
    const RATE = 16000; // of a recording: what a voice needs
    const title = node("h3");
    const about = node("p", { class: "fofx-soft" });
    const view = soundView(w, "", "sound.label");
    let recording = null; // {recorder, stream, ends}
    const said = node("p", { class: "sound-said", role: "status" });
    const tellUser = (key, values) => (said.textContent = key ? w.say(key, values) : "");

    const base64 = (data) => {
      let text = "";
      for (let from = 0; from < data.length; from += 32768) text += String.fromCharCode(...data.subarray(from, from + 32768));
      return btoa(text);
    };

    async function begin() {
      if (!navigator.mediaDevices?.getUserMedia || !window.MediaRecorder) return tellUser("sound.mic.none");
      let stream = null;
      try {
        stream = await navigator.mediaDevices.getUserMedia({ audio: true });
      } catch (error) {
        return tellUser(error.name === "NotFoundError" ? "sound.mic.missing" : "sound.mic.denied");
      }
      const recorder = new MediaRecorder(stream);
      const pieces = [];
      recorder.ondataavailable = (event) => pieces.push(event.data);
      recorder.onstop = async () => {
        stream.getTracks().forEach((track) => track.stop());
        clearTimeout(recording?.ends);
        recording = null;
        name();
        try {
          const context = new AudioContext({ sampleRate: RATE });
          const found = await context.decodeAudioData(await new Blob(pieces).arrayBuffer());
          context.close();
          const samples = Int16Array.from(found.getChannelData(0), (value) => Math.max(-1, Math.min(1, value)) * 32767);
          const kept = samples.subarray(0, RATE * model.get("longest"));
          w.tell({ do: "record", data: base64(new Uint8Array(kept.buffer, kept.byteOffset, kept.byteLength)), rate: RATE });
          tellUser("");
        } catch (error) {
          tellUser("sound.mic.broken", { why: error.message });
        }
      };
      recorder.start();
      recording = { recorder, stream, ends: setTimeout(end, model.get("longest") * 1000) };
      tellUser("sound.mic.on", { longest: model.get("longest") });
      name();
    }
    const end = () => recording?.recorder.state === "recording" && recording.recorder.stop();
    w.ending(() => {
      if (!recording) return;
      clearTimeout(recording.ends);
      recording.recorder.onstop = null;
      end();
      recording.stream.getTracks().forEach((track) => track.stop());
    });

    const record = button(w, "sound.record", () => (recording ? end() : begin()));
    const file = node("input", { type: "file", accept: ".wav,.flac,.ogg,.mp3,.aiff,audio/*", class: "sound-file", tabindex: "-1", "aria-hidden": "true" });
    const upload = button(w, "sound.upload", () => file.click());
    w.on(file, "change", async () => {
      const chosen = file.files[0];
      file.value = "";
      if (!chosen) return;
      if (chosen.size > model.get("most")) return tellUser("sound.too-large", { size: (model.get("most") / 1e6).toFixed(1) });
      tellUser("");
      w.tell({ do: "file", data: base64(new Uint8Array(await chosen.arrayBuffer())) });
    });
    const takes = node("div", { class: "fofx-row" }, record, upload, file);
    function name() {
      record.textContent = w.say(recording ? "sound.stop" : "sound.record");
      record.setAttribute("aria-pressed", String(recording !== null));
    }

    function show() {
      const { seconds, rate } = model.get("about");
      title.textContent = model.get("title") || w.say("sound.title");
      about.textContent = seconds ? w.say("sound.about", { seconds: seconds.toFixed(2), rate }) : w.say(model.get("files") ? "sound.empty" : "sound.empty.record");
      takes.hidden = !model.get("takes");
      upload.hidden = !model.get("files");
      name();
    }
    w.root.append(title, about, takes, said, view.element);
    w.watch("title about takes files words", show);
    show();
    return w.done;
  },
};
