/** The review of the image in the active viewport: which landmark is current, what is done to it. Knows no server. */
import { drawScene } from './drawing.js';
import { Points } from './points.js';
import { isPlaced, neighbour, nextRow, worstFirst } from './review.js';
import { recall, remember } from './settings.js';
import { activeImage, isInside, lookAt, showWhole, viewportsOf, watchImages } from './viewing.js';

/** @typedef {import('./label.js').Label} Label */

const NOTICE_MS = 4000;

export class Reviewing {
  /** @type {Map<string, Label>} of the images seen so far, by their id */
  labels = new Map();
  /** @type {string | null} id of the image in the active viewport */
  image = null;
  /** @type {string | null} name of the landmark under review */
  current = null;
  /** The next click in the image places the current landmark. */
  placing = false;
  /** What was told last. */
  message = { sentence: '', type: 'info' };
  byConfidence = recall('order', 'worst') === 'worst';
  zoom = Number(recall('zoom', '3'));
  names = recall('names', 'full');

  #listeners = new Set();
  #stopWatching = null;

  /** @param {{services: object, extensionManager: object, commandsManager: object}} managers OHIF's */
  constructor(managers) {
    this.services = managers.services;
    this.points = new Points(managers, {
      moved: (label, row, pixel) => label.put(row, pixel) && this.#handled(label, row),
      removed: (label, row) => {
        label.unset(row);
        this.#handled(label, row);
      },
    });
  }

  /** A mode of OHIF begins. */
  enter() {
    if (!this.#stopWatching) {
      this.points.enter();
      this.#stopWatching = watchImages(this.services, () => this.look());
      this.look();
    }
  }

  /** It ends, and OHIF forgets all measurements; labels stay until the page is left. */
  leave() {
    this.stopPlacing();
    this.#stopWatching?.();
    this.#stopWatching = null;
    this.points.leave();
    this.image = null;
  }

  /** @param {() => void} listener called after anything that the panel shows has changed. */
  onChange(listener) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  // --- what there is ------------------------------------------------------------------------------------------------

  /** The label of the image in the active viewport. */
  get label() {
    return this.labels.get(this.image);
  }

  /** Its landmarks in the order of the table. */
  get rows() {
    const rows = this.label?.rows ?? [];
    return this.byConfidence ? worstFirst(rows) : rows;
  }

  get row() {
    return this.label?.row(this.current);
  }

  /** Whether an annotator would lose something. */
  unsaved() {
    return [...this.labels.values()].some(label => label.touched);
  }

  /** See which image is in the active viewport now. */
  look() {
    drawScene(this);
    const image = activeImage(this.services)?.image ?? null;
    if (image !== this.image) {
      this.stopPlacing();
      this.image = image;
      this.current = null;
      this.#show();
      this.changed();
    }
  }

  /** Let a label take the place of the one that its image had. @param {Label} label */
  take(label) {
    const old = this.labels.get(label.image);
    if (old) {
      this.points.hide(old);
    }
    this.labels.set(label.image, label);
    this.#show();
    this.changed();
  }

  /** A choice in the panel, remembered. @param {string} name of a field @param {string | number} value */
  choose(name, value) {
    this[name] = value;
    remember(name, String(value));
    this.changed();
    this.redraw();
  }

  /** @param {boolean} byConfidence */
  sort(byConfidence) {
    this.byConfidence = byConfidence;
    remember('order', byConfidence ? 'worst' : 'set');
    this.changed();
  }

  // --- going about --------------------------------------------------------------------------------------------------

  /** Make a landmark the current one and show it. @param {string | undefined} name */
  go(name, { look = true } = {}) {
    this.current = name ?? null;
    const shown = activeImage(this.services);
    if (look && this.row && isPlaced(this.row) && shown?.image === this.image) {
      lookAt(shown, this.row, this.zoom);
    }
    this.changed();
    this.redraw();
  }

  /** Go to the next (1) or previous (-1) landmark of the table. @param {number} by */
  step(by) {
    this.go(neighbour(this.rows, this.current, by)?.name);
  }

  /** Go to the next landmark that is left to decide, the worst where there is no current one. */
  goOn(how) {
    const row = nextRow(this.rows, this.current);
    if (row) {
      this.go(row.name, how);
    } else {
      this.changed();
    }
  }

  /** Show the whole radiograph. */
  showAll() {
    const shown = activeImage(this.services);
    if (shown) {
      showWhole(shown);
    }
  }

  // --- deciding -----------------------------------------------------------------------------------------------------

  /** The current landmark is right where it is; on to the next that is left. */
  accept() {
    this.#decide((label, row) => label.accept(row));
    this.goOn();
  }

  /** It is not in this radiograph, and on; once more takes that back. */
  skip() {
    const wasMissing = this.row?.state === 'missing';
    this.stopPlacing();
    this.#decide((label, row) => label.skip(row));
    if (!wasMissing) {
      this.goOn();
    }
  }

  /** Back to where the model had put it, or to be placed. */
  reset() {
    this.#decide((label, row) => label.reset(row) || label.unset(row));
  }

  /** It lies behind other anatomy and is inferred, or does not. */
  toggleOccluded() {
    this.#decide((label, row) => label.toggleOccluded(row));
  }

  /** The next click in the image places the current landmark, and further clicks the others without a place. */
  place() {
    if (this.row) {
      if (isPlaced(this.row)) {
        this.#decide((label, row) => label.unset(row));
      }
      this.#waitForClick(this.row);
    }
  }

  /** Clicks no longer place anything; a landmark that waited for one is back where it was. */
  stopPlacing() {
    if (this.placing) {
      this.placing = false;
      this.#decide((label, row) => row.state === 'undefined' && label.bringBack(row));
      this.say('');
    }
  }

  /** A click while placing. @param {import('./viewing.js').Shown} shown @param {import('./viewing.js').Pixel} pixel */
  placeAt(shown, pixel) {
    if (!isInside(shown, pixel)) {
      return;
    }
    this.#decide((label, row) => {
      label.put(row, pixel);
      row.before = null;
    });
    const waiting = nextRow(this.rows, this.current, row => row.state === 'undefined');
    if (waiting) {
      this.go(waiting.name, { look: false });
      this.#waitForClick(waiting);
    } else {
      this.placing = false;
      this.say('All landmarks have a place');
    }
  }

  // --- telling ------------------------------------------------------------------------------------------------------

  /** Tell the annotator something. @param {string} sentence @param {'info' | 'success' | 'error'} type */
  tell(sentence, type) {
    const place = { position: 'bottom-center', duration: NOTICE_MS }; // in the right corner are our buttons
    this.services.uiNotificationService?.show({ title: 'MONAI Label', message: sentence, type, ...place });
    this.say(sentence, type);
  }

  /** In the panel only. @param {string} sentence */
  say(sentence, type = 'info') {
    this.message = { sentence, type };
    this.changed();
  }

  /** Tell those who show the review that it has changed. */
  changed() {
    this.#listeners.forEach(listener => listener());
  }

  /** Draw the image's points anew. */
  redraw() {
    viewportsOf(this.services, this.image).forEach(({ viewport }) => viewport.render());
  }

  #waitForClick({ name }) {
    this.placing = true;
    this.say(`Click on the radiograph to place ${name}; Esc ends`);
  }

  #decide(change) {
    const { label, row } = this;
    if (label && row) {
      change(label, row);
      this.#show();
      this.changed();
    }
  }

  /** Somebody has moved or removed a point in OHIF. */
  #handled(label, row) {
    if (label === this.label) {
      this.current = row.name;
      this.changed();
    }
  }

  #show() {
    const { label } = this;
    const [shown] = label ? viewportsOf(this.services, label.image) : [];
    if (shown) {
      this.points.show(label, shown);
    }
  }
}
