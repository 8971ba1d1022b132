/** The landmarks of one image, what an annotator decides about them, and the label that is submitted. */
import { isPlaced, MOVED_PX, Status, statusOf } from './review.js';

/** @typedef {import('./review.js').Row} Row */
/** @typedef {{name: string, landmarks: {name: string, abbreviation: string, definition: string}[]}} LandmarkSet */
/** @typedef {{calibrated: boolean, note: string, shape?: {plausible: boolean, note: string}}} Trust */

export class Label {
  /**
   * @param {string} image id of the image: its SOPInstanceUID.
   * @param {string | undefined} model name of a model that has these landmarks.
   * @param {LandmarkSet | undefined} set of that model.
   * @param {object[]} landmarks as the server stores them; of the set's others nothing is known yet.
   * @param {object} [answer] the server's, which tells the pixel spacing and what a prediction is worth.
   */
  constructor(image, model, set, landmarks = [], { pixel_spacing: spacing, trust = null } = {}) {
    const told = new Map(landmarks.map(item => [item.name, item]));
    const names = set?.landmarks ?? landmarks.map(({ name }) => ({ name, abbreviation: name, definition: '' }));
    this.image = image;
    this.model = model;
    this.set = set;
    /** Whose label it is, for people; empty where it is nobody's yet. */
    this.origin = '';
    /** An annotator has decided something that the server does not have. */
    this.touched = false;
    /** @type {Trust | null} what the prediction as a whole is worth; null once it is somebody's label. */
    this.trust = trust;
    const mm = spacing?.x && spacing.y ? Math.max(spacing.x, spacing.y) : null;
    /** @type {Row[]} in the set's order. */
    this.rows = names.map(definition => ({ ...newRow(definition, told.get(definition.name)), mm }));
  }

  /**
   * What a model has just predicted.
   * @param {string} image
   * @param {string | undefined} model
   * @param {LandmarkSet | undefined} set
   * @param {object} answer of the server
   */
  static predicted(image, model, set, answer) {
    const by = `${answer.model} ${answer.version}`;
    const label = new Label(
      image,
      model,
      set,
      answer.landmarks.map(item => asStored(item, by)),
      answer,
    );
    label.origin = `Predicted by ${by}`;
    return label;
  }

  /**
   * What the server has stored.
   * @param {string} image
   * @param {string | undefined} model
   * @param {LandmarkSet | undefined} set
   * @param {object} answer of the server, with a tag
   */
  static stored(image, model, set, answer) {
    const label = new Label(image, model, set, answer.landmarks, answer);
    const { info = {}, tag } = answer;
    const by = `${info.model ?? ''} ${info.version ?? ''}`.trim();
    if (tag === 'final') {
      const who = info.user ?? info.client_id;
      label.origin = `Submitted${who ? ` by ${who}` : ''}${info.ts ? ` on ${date(info.ts)}` : ''}`;
      label.#acceptPredicted();
      label.trust = null;
    } else {
      label.origin = by ? `Predicted by ${by}` : 'Predicted';
      label.#takeAsPredicted(by);
    }
    return label;
  }

  /** @param {string | null} name */
  row(name) {
    return this.rows.find(row => row.name === name);
  }

  /**
   * A point is now there, by whatever hand; less than a rounding is no move.
   * @param {Row} row
   * @param {{x: number, y: number}} pixel
   * @returns {boolean} whether that changes anything
   */
  put(row, { x, y }) {
    if (isPlaced(row) && Math.hypot(row.x - x, row.y - y) <= MOVED_PX) {
      return false;
    }
    Object.assign(row, { x, y, state: row.state === 'occluded' ? 'occluded' : 'defined', accepted: false });
    this.touched = true;
    return true;
  }

  /** It waits for being placed. @param {Row} row */
  unset(row) {
    this.#takeAway(row, 'undefined');
  }

  /** It is not in this radiograph; once more takes that back. @param {Row} row */
  skip(row) {
    if (row.state !== 'missing') {
      this.#takeAway(row, 'missing');
    } else if (!this.bringBack(row) && !this.reset(row)) {
      row.state = 'undefined';
      this.touched = true;
    }
  }

  /** Back to where it was before it was taken away; false where it was nowhere. @param {Row} row */
  bringBack(row) {
    if (!row.before) {
      return false;
    }
    Object.assign(row, row.before, { before: null });
    this.touched = true;
    return true;
  }

  /** Back to where the model had put it, undecided; false where there is no prediction. @param {Row} row */
  reset(row) {
    if (!row.predicted) {
      return false;
    }
    const { x, y } = row.predicted;
    Object.assign(row, { x, y, state: 'defined', accepted: false });
    this.touched = true;
    return true;
  }

  /** It is right where it is. @param {Row} row */
  accept(row) {
    if ([Status.UNSURE, Status.PREDICTED].includes(statusOf(row))) {
      row.accepted = true;
      this.touched = true;
    }
  }

  /** It lies behind other anatomy and is inferred, or does not. @param {Row} row */
  toggleOccluded(row) {
    if (isPlaced(row)) {
      row.state = row.state === 'occluded' ? 'defined' : 'occluded';
      this.touched = true;
    }
  }

  /** What an annotator should know of the prediction as a whole: empty where there is nothing to say. */
  get hint() {
    return [this.trust?.shape?.note, this.trust?.note].filter(Boolean).join(' ');
  }

  /** What the server stores. */
  document() {
    const fields = ({ name, x, y, state, confidence, predicted }) => ({ name, x, y, state, confidence, predicted });
    return { landmarks: this.rows.map(fields) };
  }

  /** The server has taken it: everything in it is as the annotator wants it. */
  submitted() {
    this.touched = false;
    this.origin = 'Submitted';
    this.trust = null;
    this.#acceptPredicted();
  }

  #takeAway(row, state) {
    const before = isPlaced(row) ? { x: row.x, y: row.y, state: row.state } : row.before;
    Object.assign(row, { x: null, y: null, state, before, accepted: false });
    this.touched = true;
  }

  #acceptPredicted() {
    this.rows.filter(isPlaced).forEach(row => {
      row.accepted = row.predicted !== null;
    });
  }

  #takeAsPredicted(model) {
    this.rows.filter(isPlaced).forEach(row => {
      row.predicted ??= { x: row.x, y: row.y, model };
    });
  }
}

function newRow({ name, abbreviation, definition }, told = {}) {
  const { x = null, y = null, state = 'undefined', confidence = null, predicted = null } = told;
  return { name, abbreviation, definition, x, y, state, confidence, predicted, accepted: false, before: null };
}

/** A landmark of a prediction as the server stores one: what is true of the prediction stands with it. */
function asStored({ radius_px = null, ellipse = null, check = false, ...item }, model) {
  const isFound = item.x !== null && item.y !== null;
  return { ...item, predicted: isFound ? { x: item.x, y: item.y, model, radius_px, ellipse, check } : null };
}

function date(seconds) {
  return new Date(seconds * 1000).toLocaleDateString();
}
