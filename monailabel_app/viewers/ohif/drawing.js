/**
 * How landmarks look in the image: coloured by confidence, named, joined by lines, the current one ringed; where those
 * lie that somebody should look at.
 */
import { annotationOf, TOOL } from './points.js';
import { drawRegion, isRegionShown } from './region.js';
import { isLeft, isPlaced, Status, statusOf } from './review.js';
import { isUnsure, LOW_CONFIDENCE } from './trust.js';
import { imageOf } from './viewing.js';

const DECIDED = 'rgb(90, 204, 230)';
const SKIPPED = 'rgb(130, 150, 200)';
const UNKNOWN = 'rgb(255, 120, 90)';
const LINE = { color: 'rgb(150, 175, 220)', lineWidth: 1, width: 1 };
const TEXT = {
  fontFamily: 'Inter, Helvetica, Arial, sans-serif',
  fontSize: '12px',
  padding: 0,
  background: 'rgba(0, 0, 0, 0.45)',
};
const NAME_OFFSET = [14, -7];
const RING_PX = 12;

/** @type {WeakSet<object>} tools that draw landmarks */
const dressed = new WeakSet();
/** @type {import('./session.js').Session | null} */
let scene = null;

/**
 * The colour of a landmark: from orange where the model is unsure to yellow where it is sure; another once an annotator
 * has decided.
 * @param {import('./review.js').Row} row
 */
export function colourOf(row) {
  const status = statusOf(row);
  if (status === Status.TO_PLACE) {
    return UNKNOWN;
  }
  if (!isLeft(row)) {
    return status === Status.SKIPPED ? SKIPPED : DECIDED;
  }
  const sure = Math.min(row.confidence ?? 1, isUnsure(row) ? LOW_CONFIDENCE : 1);
  return `hsl(${Math.round(12 + 46 * sure)}, 100%, 60%)`;
}

/**
 * Let the tools that are there now draw a session's landmarks.
 * @param {import('./session.js').Session} session
 */
export function drawScene(session) {
  scene = session;
  const { toolGroupService } = session.services;
  toolGroupService
    .getToolGroupIds()
    .map(id => toolGroupService.getToolGroup(id))
    .filter(group => group?.hasTool(TOOL))
    .forEach(group => dress(group.getToolInstance(TOOL)));
}

/**
 * Let a Probe draw our names in place of its own text, and our lines under the points. Points, statistics and the
 * events that follow from them stay the tool's: without them OHIF would not hear of a drag.
 */
function dress(tool) {
  if (dressed.has(tool)) {
    return;
  }
  dressed.add(tool);
  const { renderAnnotation } = tool;
  tool.renderAnnotation = (enabledElement, svg) => {
    const points = landmarksIn(enabledElement.viewport);
    drawLines(svg, points);
    points
      .filter(({ isVisible, row }) => isVisible && isRegionShown(row, scene.current))
      .forEach(({ uid, row }) => drawRegion(svg, enabledElement.viewport, uid, row.predicted, colourOf(row)));
    points.forEach(({ uid, row }) => colour(uid, colourOf(row)));
    const ownText = tool.configuration.getTextLines;
    const ours = new Set(points.map(({ data }) => data));
    tool.configuration.getTextLines = (data, ...more) => (ours.has(data) ? null : ownText(data, ...more));
    let drawn;
    try {
      drawn = renderAnnotation(enabledElement, svg);
    } finally {
      tool.configuration.getTextLines = ownText;
    }
    points.filter(({ isVisible }) => isVisible).forEach(point => drawName(svg, point));
    return drawn || points.length > 0;
  };
}

/** The landmarks of the image that a viewport shows, and where they are in it. */
function landmarksIn(viewport) {
  const label = scene?.labels.get(imageOf(viewport.getCurrentImageId?.()));
  return (label?.rows ?? []).filter(isPlaced).flatMap(row => {
    const uid = scene.points.uidOf(row);
    const annotation = uid && annotationOf(uid);
    if (!annotation) {
      return [];
    }
    const { data, isVisible = true } = annotation;
    return [{ label, row, uid, data, isVisible, at: viewport.worldToCanvas(data.handles.points[0]) }];
  });
}

function colour(uid, color) {
  const style = { color, colorHighlighted: color, colorSelected: color };
  window.cornerstoneTools.annotation.config.style.setAnnotationStyles(uid, style);
}

function drawLines(svg, points) {
  const byName = new Map(points.map(point => [point.row.name, point]));
  (points[0]?.label.set?.lines ?? []).forEach(({ name, landmarks }) => {
    landmarks.slice(1).forEach((to, index) => {
      const [start, end] = [byName.get(landmarks[index]), byName.get(to)];
      if (start && end) {
        window.cornerstoneTools.drawing.drawLine(svg, start.uid, `${name} ${index}`, start.at, end.at, LINE);
      }
    });
  });
}

function drawName(svg, { row, uid, at }) {
  const { drawing } = window.cornerstoneTools;
  const color = colourOf(row);
  if (row.name === scene.current) {
    drawing.drawCircle(svg, uid, 'current', at, RING_PX, { color: 'rgb(255, 255, 255)', lineWidth: 1.5 });
  }
  const text = row.name === scene.current || scene.names === 'full' ? row.name : row.abbreviation;
  if (scene.names !== 'none' || row.name === scene.current) {
    drawing.drawTextBox(svg, uid, 'name', [text], [at[0] + NAME_OFFSET[0], at[1] + NAME_OFFSET[1]], { ...TEXT, color });
  }
}
