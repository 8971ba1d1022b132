/** Where a landmark lies in nine cases of ten, around where a model put it: an outline in the image. */
import { isLeft } from './review.js';
import { isFlagged } from './trust.js';
import { toWorld } from './viewing.js';

const CORNERS = 48;
const LOOK = { lineWidth: 1, width: 1, fillColor: 'none' };

/**
 * Whether an annotator shall see it: of the landmark under review, and of those to look at until that has been done.
 * @param {import('./review.js').Row} row
 * @param {string | null} current name of the landmark under review
 */
export function isRegionShown(row, current) {
  return Boolean(row.predicted?.radius_px) && (row.name === current || (isFlagged(row) && isLeft(row)));
}

/**
 * @param {object} svg cornerstone's helper that draws
 * @param {object} viewport of cornerstone
 * @param {string} uid of the landmark's point
 * @param {import('./trust.js').Predicted} predicted
 * @param {string} color
 */
export function drawRegion(svg, viewport, uid, predicted, color) {
  const outline = outlineOf(predicted, pixel => viewport.worldToCanvas(toWorld({ viewport }, pixel)));
  window.cornerstoneTools.drawing.drawPolyline(svg, uid, 'region', outline, { ...LOOK, color });
}

/**
 * Corners on the canvas, the first one again at the end. Three places are enough, since the way from pixels to the
 * canvas is affine however the image is zoomed, flipped, turned or stretched.
 * @param {import('./trust.js').Predicted} predicted
 * @param {(pixel: {x: number, y: number}) => number[]} toCanvas
 */
export function outlineOf({ x, y, radius_px: radius, ellipse }, toCanvas) {
  const { a_px: long, b_px: short, angle_deg: degrees } = ellipse ?? { a_px: radius, b_px: radius, angle_deg: 0 };
  const [right, down] = [Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)];
  const centre = toCanvas({ x, y });
  const ends = [
    toCanvas({ x: x + long * right, y: y + long * down }),
    toCanvas({ x: x - short * down, y: y + short * right }),
  ];
  const corner = turn =>
    [0, 1].map(
      axis =>
        centre[axis] +
        Math.cos(turn) * (ends[0][axis] - centre[axis]) +
        Math.sin(turn) * (ends[1][axis] - centre[axis]),
    );
  return Array.from({ length: CORNERS + 1 }, (_, index) => corner((2 * Math.PI * index) / CORNERS));
}
