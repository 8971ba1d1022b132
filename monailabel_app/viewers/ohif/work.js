/**
 * The landmarks of one image while somebody works on them: those of the set, in its order, with their states.
 *
 * A landmark is `{name, x, y, state, confidence, predicted}` as the server gives it, `state` being `defined`,
 * `occluded`, `missing` (somebody says it is not in the image) or `undefined`. Where placed points are now, the viewer
 * knows; here is what it does not.
 */

export const MOVED_PX = 1e-3;
const PLACED = ['defined', 'occluded'];

export const isPlaced = ({ state }) => PLACED.includes(state);

export class Work {
  /** @param {object} image see Viewer.image @param {string[]} names of the landmark set */
  constructor(image, names) {
    this.imageId = image.imageId;
    this.id = image.id;
    this.tag = null;
    this.landmarks = new Map(names.map(name => [name, empty(name)]));
    this.saved = this.text();
  }

  /** Take over landmarks of the server; what it does not list is undefined. */
  load(landmarks, tag) {
    this.landmarks.forEach((_, name) => this.landmarks.set(name, empty(name)));
    landmarks.filter(({ name }) => this.landmarks.has(name)).forEach(item => this.landmarks.set(item.name, { ...item }));
    this.tag = tag;
  }

  /** Change a landmark. */
  set(name, change) {
    this.landmarks.set(name, { ...this.landmarks.get(name), ...change });
  }

  /** Take over where the points are in the viewer; one that was deleted there is undefined. */
  follow(places) {
    this.landmarks.forEach((item, name) => {
      const place = places.get(name);
      if (place) this.set(name, { ...place, state: item.state === 'occluded' ? 'occluded' : 'defined' });
      else if (isPlaced(item)) this.set(name, { x: null, y: null, state: 'undefined' });
    });
  }

  /** Call after submitting or loading: from here on, changes are unsaved work. */
  settle() {
    this.saved = this.text();
  }

  get unsaved() {
    return this.text() !== this.saved;
  }

  list() {
    return [...this.landmarks.values()];
  }

  text() {
    const rounded = value => (value == null ? null : Math.round(value / MOVED_PX));
    return JSON.stringify(this.list().map(({ name, x, y, state }) => [name, rounded(x), rounded(y), state]));
  }
}

/** How far a landmark is from its prediction, in pixels; null where there is no prediction or no place. */
export function moved(item) {
  if (!item.predicted || !isPlaced(item)) return null;
  const distance = Math.hypot(item.x - item.predicted.x, item.y - item.predicted.y);
  return distance > MOVED_PX ? distance : 0;
}

/** Those that need a look first: not placed, then by confidence, the person's own last. */
export function worstFirst(items) {
  const rank = item => {
    if (item.state === 'undefined') return -1;
    if (item.state === 'missing') return 3;
    return item.confidence == null || moved(item) ? 2 : item.confidence;
  };
  return [...items].sort((a, b) => rank(a) - rank(b));
}

function empty(name) {
  return { name, x: null, y: null, state: 'undefined', confidence: null, predicted: null };
}
