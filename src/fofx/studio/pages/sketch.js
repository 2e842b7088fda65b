// A square to draw on with mouse, pen or finger. Sends the ink as a PNG when a stroke ends; what it means is Python's business.
export default {
  template: `<canvas width="280" height="280" tabindex="0" role="img" :aria-label="label"
    style="width: 100%; max-width: 280px; aspect-ratio: 1; touch-action: none; border: 1.5px solid var(--line); border-radius: 12px; background: #fff; cursor: crosshair; display: block"></canvas>`,
  props: { label: String, brush: { type: Number, default: 24 } },
  mounted() {
    const canvas = this.$el, pen = canvas.getContext("2d");
    let last = null;
    const place = (event) => {
      const box = canvas.getBoundingClientRect();
      return [((event.clientX - box.left) / box.width) * 280, ((event.clientY - box.top) / box.height) * 280];
    };
    const stroke = (to) => {
      pen.lineWidth = this.brush; pen.lineCap = pen.lineJoin = "round"; pen.strokeStyle = "#000";
      pen.beginPath(); pen.moveTo(...last); pen.lineTo(...to); pen.stroke();
      last = to;
    };
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      last = place(event); stroke(last); event.preventDefault();
    });
    canvas.addEventListener("pointermove", (event) => { if (last) stroke(place(event)); });
    const end = () => { if (last) { last = null; this.$emit("drawn", canvas.toDataURL("image/png")); } };
    canvas.addEventListener("pointerup", end);
    canvas.addEventListener("pointercancel", end);
  },
  methods: {
    clear() { this.$el.getContext("2d").clearRect(0, 0, 280, 280); },
  },
};
