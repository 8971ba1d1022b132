/**
 * What an annotator has to look at: the landmarks of one radiograph, worst first, and how many are left. The same words
 * and rules as in the module for 3D Slicer (FARNetLandmarksLib/review.py). Knows neither OHIF nor a page.
 *
 * @typedef {object} Row One landmark of one radiograph.
 * @property {string} name
 * @property {string} abbreviation
 * @property {string} definition
 * @property {number | null} x pixels of the file as stored, the centre of the first pixel is 0; null without a place.
 * @property {number | null} y
 * @property {'defined' | 'occluded' | 'missing' | 'undefined'} state `missing`: the annotator says so
 * @property {number | null} confidence of the model, 0 to 1: of a calibrated one, the probability that the landmark lies
 *   within the tolerance of where the model put it.
 * @property {import('./trust.js').Predicted | null} predicted where a model put it.
 * @property {number | null} mm millimetres of a pixel, along the axis on which it is larger; null where not known.
 * @property {boolean} accepted the annotator has said that it is right there.
 * @property {{x: number, y: number, state: string} | null} before where it was before it was skipped or taken away.
 */
import { isFlagged, isUnsure } from './trust.js';

/** A point this many pixels from its prediction was moved by somebody; less is lost by computing. */
export const MOVED_PX = 1e-3;

/** Where a landmark stands on its way to a label. */
export const Status = Object.freeze({
  TO_PLACE: 'to place',
  UNSURE: 'unsure',
  PREDICTED: 'predicted',
  ACCEPTED: 'accepted',
  MOVED: 'moved',
  PLACED: 'placed',
  SKIPPED: 'skipped',
});

/** What an annotator has not decided about, most urgent first. */
const LEFT = [Status.TO_PLACE, Status.UNSURE, Status.PREDICTED];

/** @param {Row} row */
export function isPlaced(row) {
  return row.state === 'defined' || row.state === 'occluded';
}

/**
 * Distance in pixels from where a model put it; 0 without a place or a prediction.
 * @param {Row} row
 */
export function movedPx(row) {
  if (!isPlaced(row) || !row.predicted) {
    return 0;
  }
  const distance = Math.hypot(row.x - row.predicted.x, row.y - row.predicted.y);
  return distance > MOVED_PX ? distance : 0;
}

/** @param {Row} row */
export function statusOf(row) {
  if (row.state === 'missing') {
    return Status.SKIPPED;
  }
  if (!isPlaced(row)) {
    return Status.TO_PLACE;
  }
  if (!row.predicted) {
    return Status.PLACED;
  }
  if (movedPx(row)) {
    return Status.MOVED;
  }
  if (row.accepted) {
    return Status.ACCEPTED;
  }
  return isUnsure(row) ? Status.UNSURE : Status.PREDICTED;
}

/**
 * `"moved 12.3 px"`, `"unsure"`, `"accepted, occluded"`.
 * @param {Row} row
 */
export function statusText(row) {
  const status = statusOf(row);
  const text = status === Status.MOVED ? `${status} ${movedPx(row).toFixed(1)} px` : status;
  return row.state === 'occluded' ? `${text}, occluded` : text;
}

/** Whether the annotator has still to decide about it. @param {Row} row */
export function isLeft(row) {
  return LEFT.includes(statusOf(row));
}

/**
 * Landmarks without a place, then those that the model says to look at; among them the largest radius first or, where
 * none is known, the least confident; those without a confidence come last. Accepting and moving do not change the
 * order, so that rows do not run away from under the mouse.
 * @param {Row[]} rows
 */
export function worstFirst(rows) {
  const urgency = row => (row.state === 'undefined' ? 0 : isFlagged(row) ? 1 : 2);
  const doubt = ({ predicted, confidence }) => (predicted?.radius_px ? -predicted.radius_px : (confidence ?? 2));
  // sorting keeps the order of equals
  return [...rows].sort((one, other) => urgency(one) - urgency(other) || doubt(one) - doubt(other));
}

/**
 * The row `step` further than the one of that name, round the ends; the first where none has that name.
 * @param {Row[]} rows
 * @param {string | null} name
 * @param {number} step
 */
export function neighbour(rows, name, step) {
  const at = rows.findIndex(row => row.name === name);
  return at < 0 ? rows[0] : rows[(at + step + rows.length) % rows.length];
}

/**
 * The next row after the one of that name that fits; undefined where none does.
 * @param {Row[]} rows
 * @param {string | null} name
 * @param {(row: Row) => boolean} fits
 */
export function nextRow(rows, name, fits = isLeft) {
  const at = rows.findIndex(row => row.name === name) + 1;
  return [...rows.slice(at), ...rows.slice(0, at)].find(fits);
}

/**
 * `"5 of 19 left: 2 to place, 1 unsure, 2 predicted"`.
 * @param {Row[]} rows
 */
export function summary(rows) {
  if (!rows.length) {
    return 'No landmarks yet';
  }
  const counts = LEFT.map(status => [rows.filter(row => statusOf(row) === status).length, status]);
  const left = counts.reduce((sum, [count]) => sum + count, 0);
  if (!left) {
    return `All ${rows.length} landmarks are decided`;
  }
  const told = counts.filter(([count]) => count).map(([count, status]) => `${count} ${status}`);
  return `${left} of ${rows.length} left: ${told.join(', ')}`;
}

/**
 * What to ask before submitting a list in which landmarks have no place; null where nothing is to be asked.
 * @param {Row[]} rows
 */
export function submissionQuestion(rows) {
  const open = rows.filter(row => row.state === 'undefined').map(row => row.name);
  if (!open.length) {
    return null;
  }
  return (
    `Neither placed nor skipped: ${listed(open)}.\n\n` +
    'Submit without? They count as not annotated, and nothing is learnt from them; ' +
    'skip those that cannot be seen in this radiograph.'
  );
}

/** `"Sella, Nasion and 3 more"`. @param {string[]} names */
function listed(names, most = 6) {
  const shown = names.slice(0, most).join(', ');
  return names.length <= most ? shown : `${shown} and ${names.length - most} more`;
}
