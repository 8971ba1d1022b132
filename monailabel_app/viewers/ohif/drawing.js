/**
 * How landmarks look: a small ring in the colour of its confidence, its name beside it, the lines of the landmark set.
 *
 * OHIF's own Probe writes "(i, j, k) value" and moves texts of near points far away. Only points of ours are drawn here.
 */

const TOOL = 'Probe';
const LETTER_WIDTH = 6.4;
const LINE_HEIGHT = 14;
const FONT = { fontSize: '12px', fontFamily: 'Inter, Helvetica, Arial, sans-serif' };

/** What is drawn beside the points; the panel changes it. */
export const look = { lines: [], names: new Map(), showNames: true, showLines: true };

/** Red for no confidence, through yellow, to green; a person's own points are blue. */
export function colour({ confidence }, moved = false) {
  return confidence == null || moved ? 'rgb(90, 204, 230)' : `hsl(${Math.round(120 * confidence)}, 95%, 55%)`;
}

/** Take over the drawing of our points in every tool group that has Probes; calling it again changes nothing. */
export function takeOver({ toolGroupService }, isMoved) {
  for (const id of toolGroupService.getToolGroupIds()) {
    const group = toolGroupService.getToolGroup(id);
    const tool = group?.hasTool?.(TOOL) ? group.getToolInstance(TOOL) : null;
    if (tool && !tool.farnet) {
      tool.farnet = true;
      extend(tool, isMoved);
    }
  }
}

function extend(tool, isMoved) {
  const stock = tool.renderAnnotation;
  const filter = tool.filterInteractableAnnotationsForElement;
  tool.renderAnnotation = (enabled, svg) => {
    const { element } = enabled.viewport;
    const { state, visibility } = window.cornerstoneTools.annotation;
    const all = filter.call(tool, element, state.getAnnotations(TOOL, element) ?? []) ?? [];
    const ours = all.filter(({ data, annotationUID }) => data.farnet && (visibility.isAnnotationVisible(annotationUID) ?? true));
    let drawn = false;
    if (all.some(({ data }) => !data.farnet)) {
      // The stock drawing asks this filter which annotations there are.
      tool.filterInteractableAnnotationsForElement = (...given) =>
        filter.apply(tool, given)?.filter(({ data }) => !data.farnet);
      try {
        drawn = stock.call(tool, enabled, svg);
      } finally {
        tool.filterInteractableAnnotationsForElement = filter;
      }
    }
    if (look.showLines) drawLines(enabled, svg, ours);
    const taken = ours.map(({ data }) => around(enabled.viewport.worldToCanvas(data.handles.points[0])));
    ours.forEach(annotation => drawPoint(tool, enabled, svg, annotation, isMoved(annotation), taken));
    return drawn || ours.length > 0;
  };
}

function drawPoint(tool, enabled, svg, annotation, isMoved, taken) {
  const { drawing, annotation: annotations } = window.cornerstoneTools;
  const { annotationUID, data } = annotation;
  keepFresh(tool, enabled, annotation);
  const at = enabled.viewport.worldToCanvas(data.handles.points[0]);
  const chosen = annotation.highlighted || annotations.selection.isAnnotationSelected(annotationUID);
  const color = colour(data.farnet, isMoved);
  const ring = chosen ? { handleRadius: '7', lineWidth: 2.5 } : { handleRadius: '4', lineWidth: 1.5 };
  drawing.drawHandles(svg, annotationUID, '0', [at], { color, ...ring });
  if (!look.showNames && !chosen) return;
  const name = (chosen ? data.farnet.name : look.names.get(data.farnet.name)) ?? data.farnet.name;
  const text = data.farnet.state === 'occluded' ? `${name} (occluded)` : name;
  drawing.drawTextBox(svg, annotationUID, '1', [text], freePlace(at, text, taken), { color, padding: 0, background: 'rgba(0, 0, 0, 0.5)', ...FONT });
}

/** The corner of a name beside its point where it covers no other name or point, if there is such a place. */
function freePlace([x, y], text, taken) {
  const [width, height, gap] = [text.length * LETTER_WIDTH, LINE_HEIGHT, 8];
  const corners = [
    [x + gap, y - height / 2],
    [x - gap - width, y - height / 2],
    [x + gap, y + gap / 2],
    [x + gap, y - height - gap / 2],
    [x - gap - width, y + gap / 2],
    [x - gap - width, y - height - gap / 2],
  ];
  const boxes = corners.map(([left, top]) => ({ left, top, right: left + width, bottom: top + height }));
  const free = boxes.findIndex(box => !taken.some(other => overlap(box, other)));
  const index = Math.max(0, free);
  taken.push(boxes[index]);
  return corners[index];
}

const around = ([x, y]) => ({ left: x - 4, top: y - 4, right: x + 4, bottom: y + 4 });

const overlap = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;

/** Without these numbers Cornerstone tells nobody that a point has been moved. */
function keepFresh(tool, enabled, annotation) {
  const { data } = annotation;
  if (!annotation.invalidated && Object.keys(data.cachedStats).length) return;
  const target = tool.getTargetId(enabled.viewport);
  data.cachedStats[target] ??= { Modality: null, index: null, value: null };
  try {
    tool._calculateCachedStats(annotation, enabled.viewport.getRenderingEngine(), enabled);
  } catch {
    annotation.invalidated = false; // an image that is being taken down
  }
}

function drawLines({ viewport }, svg, points) {
  const byName = new Map(points.map(annotation => [annotation.data.farnet.name, annotation]));
  for (const { landmarks } of look.lines) {
    const placed = landmarks.map(name => byName.get(name)).filter(Boolean);
    placed.slice(1).forEach((end, index) => {
      const start = placed[index];
      const ends = [start, end].map(({ data }) => viewport.worldToCanvas(data.handles.points[0]));
      const options = { color: 'rgba(140, 190, 255, 0.75)', width: 1 };
      window.cornerstoneTools.drawing.drawLine(svg, start.annotationUID, `to-${end.annotationUID}`, ...ends, options);
    });
  }
}
