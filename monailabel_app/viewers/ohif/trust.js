/**
 * What a model says of its own predictions, and what that means to an annotator; the same words and rules as in the
 * module for 3D Slicer (FARNetLandmarksLib/trust.py).
 *
 * @typedef {object} Predicted
 * @property {number} x
 * @property {number} y
 * @property {string} model
 * @property {number | null} radius_px within which it lies in nine cases of ten; null where the model is not calibrated.
 * @property {{a_px: number, b_px: number, angle_deg: number} | null} ellipse the same as an ellipse: semi-axes, and the
 *   angle of the first one from x towards y.
 * @property {boolean} check somebody should look at it.
 */

/** Below it a model that is not calibrated is unsure; the same as in the files for 3D Slicer (lib/formats/markups.py). */
export const LOW_CONFIDENCE = 0.3;

/**
 * Whether somebody should look at a prediction: the model says so or, where it is not calibrated, its confidence is low.
 * @param {import('./review.js').Row} row
 */
export function isUnsure({ confidence, predicted }) {
  return isFlagged({ predicted }) || (!predicted?.radius_px && confidence !== null && confidence < LOW_CONFIDENCE);
}

/** Whether the model says that somebody should look. @param {import('./review.js').Row} row */
export function isFlagged({ predicted }) {
  return Boolean(predicted?.check);
}

/**
 * `"±1.9 mm"`, `"±14 px"` where millimetres are not known, empty where the model is not calibrated.
 * @param {import('./review.js').Row} row
 */
export function radiusText({ predicted, mm }) {
  const radius = predicted?.radius_px;
  if (!radius) {
    return '';
  }
  return mm ? `±${short(radius * mm)} mm` : `±${short(radius)} px`;
}

/**
 * What confidence and radius mean.
 * @param {import('./review.js').Row} row
 */
export function trustText({ confidence, predicted, mm }) {
  const radius = predicted?.radius_px;
  if (!radius) {
    return confidence === null ? '' : 'How sure the model is, 0 to 1; it has not been calibrated';
  }
  const within = mm ? `${short(radius * mm)} mm (${short(radius)} px)` : `${short(radius)} px`;
  const told = [`In nine cases of ten within ${within} of where the model put it`];
  if (confidence !== null) {
    told.push(`within the tolerance with a probability of ${Math.round(100 * confidence)} %`);
  }
  return told.join('; ');
}

function short(length) {
  return length.toFixed(length < 9.95 ? 1 : 0);
}
