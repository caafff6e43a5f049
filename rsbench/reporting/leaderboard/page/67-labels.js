// Labels of pictures: how wide they are, and where they hide nothing.

const LABEL_HEIGHT = 14;
let ruler = null;

/** The width of a label in pixels. */
function labelWidth(words) {
  ruler ??= document.createElement("canvas").getContext("2d");
  ruler.font = `11.5px ${getComputedStyle(document.body).fontFamily}`;
  return ruler.measureText(words).width + 4;
}

/** A text in lines that are not wider than that; words that are too long are broken. */
function linesOf(words, width) {
  const lines = [""];
  for (const word of words.split(/(?<=\s)/)) {
    const longer = lines.at(-1) + word;
    if (labelWidth(longer.trimEnd()) <= width) lines[lines.length - 1] = longer;
    else if (labelWidth(word.trimEnd()) <= width) lines.push(word);
    else {
      for (const letter of word) {
        if (labelWidth(lines.at(-1) + letter) <= width) lines[lines.length - 1] += letter;
        else lines.push(letter);
      }
    }
  }
  return lines.map((line) => line.trimEnd()).filter(Boolean);
}

/**
 * Gives each point its name as ``label`` at a ``spot`` near it; where there is no room for that, a ``number``, which may
 * stand further off with a line to the point. Nothing hides a point, an interval or another label.
 */
function placeLabels(points, y, frame) {
  const taken = points.flatMap(({ px, py, found }) => [{ x: px - 8, y: py - 8, w: 16, h: 16 },
    ...(found.low === null ? [] : [{ x: px - 4, y: y.at(found.high), w: 8, h: y.at(found.low) - y.at(found.high) }])]);
  const put = (one, label, spots) => {
    one.spot = spots.find((spot) => inside(spot, frame) && !taken.some((other) => overlap(spot, other)));
    if (!one.spot) return false;
    one.label = label;
    taken.push(one.spot);
    return true;
  };
  const without = points.filter((one) => !put(one, one.name, spotsOf(one, labelWidth(one.name), [0, 12])));
  without.sort((a, b) => a.px - b.px || a.py - b.py);
  let number = 0;
  const wide = labelWidth("88");
  for (const one of without) {
    const words = String(number + 1);
    if (!put(one, words, spotsOf(one, wide, [0, 8, 16])) && !put(one, words, spotsAround(one, wide, frame))) continue;
    one.number = number += 1;
    one.lead = leadOf(one);
  }
}

/** All spots of the picture, the nearest to a point first. */
function spotsAround({ px, py }, w, frame) {
  const spots = [];
  for (let x = frame.left + 2; x < frame.width - w; x += 6) {
    for (let top = 2; top < frame.height - frame.bottom - LABEL_HEIGHT; top += 6) spots.push({ x, y: top, w, h: LABEL_HEIGHT });
  }
  const far = (spot) => Math.hypot(spot.x + w / 2 - px, spot.y + LABEL_HEIGHT / 2 - py);
  return spots.sort((a, b) => far(a) - far(b));
}

/** A line from a point to a number that is not beside it. */
function leadOf({ px, py, spot }) {
  const [x, y] = [Math.max(spot.x, Math.min(px, spot.x + spot.w)), Math.max(spot.y, Math.min(py, spot.y + spot.h))];
  return Math.hypot(x - px, y - py) > 14 ? `M${px},${py}L${x},${y}` : "";
}

/** Where a label of a width may stand: right, left, above, below, then further up and down. */
function spotsOf({ px, py }, w, steps) {
  const at = (x, middle) => ({ x, y: middle - LABEL_HEIGHT / 2, w, h: LABEL_HEIGHT });
  const [right, left] = [px + 9, px - 9 - w];
  return [at(right, py), at(left, py), ...steps.flatMap((step) => [at(px - w / 2, py - 16 - step), at(px - w / 2, py + 16 + step),
    at(right, py - 8 - step), at(left, py - 8 - step), at(right, py + 8 + step), at(left, py + 8 + step)])];
}

const inside = (spot, frame) => spot.x > frame.left && spot.x + spot.w < frame.width - 2 && spot.y > 0 && spot.y + spot.h < frame.height - frame.bottom;
const overlap = (a, b) => a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;
