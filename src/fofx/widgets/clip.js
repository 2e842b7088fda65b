// One video.

export default {
  render({ model, el }) {
    const w = widget(model, el, "clip");
    const title = node("h3");
    const about = node("p", { class: "fofx-soft" });
    const view = clipView(w, "");
    function show() {
      const { frames, seconds } = model.get("clip");
      title.textContent = model.get("title") || w.say("clip.title");
      about.textContent = frames ? w.say("clip.about", { count: frames, seconds: brief(seconds) }) : "";
    }
    w.root.append(title, about, view.element);
    w.watch("title clip words", show);
    show();
    return w.done;
  },
};
