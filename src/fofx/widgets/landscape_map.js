// Pieces of the landscape's picture that need to know nothing but numbers: its colours, lines of equal height, round dots.

const STOPS = [[18, 52, 104], [32, 106, 142], [64, 150, 140], [137, 188, 110], [238, 221, 84]]; // dark blue to yellow: safe without red and green

/** The colour of a height from 0 (lowest) to 1 (highest) as [r, g, b], darker or lighter by `light`. */
function heightColour(share, light = 1) {
  const at = Math.max(0, Math.min(0.9999, share)) * (STOPS.length - 1);
  const [from, to, part] = [STOPS[Math.floor(at)], STOPS[Math.floor(at) + 1], at % 1];
  return from.map((channel, number) => Math.round((channel + (to[number] - channel) * part) * light));
}

/** The line of one height, a short piece in each face of the grid (marching squares). */
function contourLine(context, grid, level, height, x, y) {
  const columns = grid.x.length;
  context.beginPath();
  for (let row = 0; row + 1 < grid.y.length; row++) {
    for (let column = 0; column + 1 < columns; column++) {
      const corners = [[column, row], [column + 1, row], [column + 1, row + 1], [column, row + 1]].map(([i, j]) => [grid.x[i], grid.y[j], level(grid.heights[j * columns + i])]);
      const cuts = [];
      corners.forEach(([ax, ay, az], number) => {
        const [bx, by, bz] = corners[(number + 1) % 4];
        if (az < height === bz < height || !Number.isFinite(az + bz)) return;
        const part = (height - az) / (bz - az);
        cuts.push([x(ax + (bx - ax) * part), y(ay + (by - ay) * part)]);
      });
      for (let pair = 0; pair + 1 < cuts.length; pair += 2) {
        context.moveTo(...cuts[pair]);
        context.lineTo(...cuts[pair + 1]);
      }
    }
  }
  context.stroke();
}

function roundDot(context, [x, y], size, fill, rim) {
  context.beginPath();
  context.arc(x, y, size, 0, 2 * Math.PI);
  context.fillStyle = fill;
  context.fill();
  context.lineWidth = 1.5;
  context.strokeStyle = rim;
  context.stroke();
}
