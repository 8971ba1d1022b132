/** The review of landmarks on one page of OHIF: which image, which label, which landmark, and what is done to it. */
import { Client } from './client.js';
import { drawScene } from './drawing.js';
import { Label } from './label.js';
import { Points } from './points.js';
import { isPlaced, neighbour, nextRow, submissionQuestion, worstFirst } from './review.js';
import { recall, remember, rememberServer } from './settings.js';
import { activeImage, isInside, lookAt, showWhole, viewportsOf, watchImages } from './viewing.js';

const NOTICE_MS = 4000;
const UNSAVED = 'What you have decided on this radiograph has not been submitted.';

export class Session {
  /** @type {Map<string, Label>} of the images seen so far, by their id */
  labels = new Map();
  /** @type {object | null} what the server has; null until it has been asked */
  info = null;
  /** @type {string | null} id of the image in the active viewport */
  image = null;
  /** @type {string | null} name of the landmark under review */
  current = null;
  /** The next click in the image places the current landmark. */
  placing = false;
  /** Something is being waited for. */
  busy = false;
  /** What was told last. */
  message = { sentence: '', type: 'info' };
  /** The server wants to know who asks. */
  loginNeeded = false;
  model = recall('model');
  strategy = recall('strategy');
  byConfidence = recall('order', 'worst') === 'worst';
  zoom = Number(recall('zoom', '3'));
  names = recall('names', 'full');
  annotator = recall('annotator');

  #listeners = new Set();
  #stopWatching = null;
  /** Images whose label the server has been asked for. */
  #asked = new Set();

  /**
   * @param {{services: object, extensionManager: object, commandsManager: object}} managers OHIF's
   * @param {Client} client
   */
  constructor(managers, client) {
    this.services = managers.services;
    this.client = client;
    this.points = new Points(managers, {
      moved: (label, row, pixel) => label.put(row, pixel) && this.#handled(label, row),
      removed: (label, row) => {
        label.unset(row);
        this.#handled(label, row);
      },
    });
    window.addEventListener('beforeunload', event => this.unsaved() && !this.leaving && event.preventDefault());
    this.enter();
  }

  /** A mode of OHIF begins. */
  enter() {
    if (!this.#stopWatching) {
      this.points.enter();
      this.#stopWatching = watchImages(this.services, () => this.#look());
      this.#look();
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

  // --- what there is --------------------------------------------------------------------------------------------------

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

  /** Models that this panel can work with: those that have a landmark set. */
  get models() {
    return Object.keys(this.info?.trainers ?? {}).filter(name => this.info.trainers[name].landmark_set);
  }

  /** Whether the chosen model has weights. */
  get canPredict() {
    return this.info?.models[this.model]?.type === 'detection';
  }

  /** Whether an annotator would lose something. */
  unsaved() {
    return [...this.labels.values()].some(label => label.touched);
  }

  // --- server ---------------------------------------------------------------------------------------------------------

  /** Ask a server what it has, and for the label of the image that is shown. @param {string} url */
  connect(url) {
    return this.#wait('Connecting', async () => {
      if (url !== this.client.url) {
        this.client = new Client(url, this.client.login);
        this.info = null;
      }
      await this.refreshInfo();
      rememberServer(url);
      this.#asked.clear();
      this.message = { sentence: `Connected to ${this.info.name}`, type: 'success' };
      this.#look();
    });
  }

  /** Ask again what the server has. */
  async refreshInfo() {
    this.info = await this.client.info();
    const strategies = Object.keys(this.info.strategies ?? {});
    this.model = this.models.includes(this.model) ? this.model : (this.models[0] ?? '');
    this.strategy = strategies.includes(this.strategy) ? this.strategy : (strategies[0] ?? '');
    this.changed();
  }

  /** Let the chosen model predict the landmarks of the image. */
  predict() {
    const { image, model } = this;
    if (this.label?.touched && !window.confirm(`${UNSAVED}\n\nReplace it by a new prediction?`)) {
      return undefined;
    }
    return this.#wait('Predicting', async () => {
      const label = Label.predicted(image, this.#setOf(model), await this.client.predict(model, image));
      this.#take(label, model);
      this.current = null;
      this.goOn({ look: false });
      this.tell(`${label.rows.filter(isPlaced).length} landmarks predicted`, 'success');
    });
  }

  /** Start without a model: all landmarks of the chosen model's set wait for being placed. */
  emptyList() {
    this.#take(new Label(this.image, this.#setOf(this.model)), this.model);
    this.step(1);
    this.place();
  }

  /** Send the label of the image to the server. */
  submit() {
    const { label } = this;
    this.stopPlacing();
    const question = submissionQuestion(label.rows);
    if (question && !window.confirm(question)) {
      return undefined;
    }
    return this.#wait('Submitting', async () => {
      await this.client.submit(label.image, label.document(), { model: label.model, client_id: this.annotator });
      label.submitted();
      this.#redraw();
      this.tell('Label submitted', 'success');
      await this.refreshInfo();
    });
  }

  /** Open the next image to annotate, in the same mode. */
  nextSample() {
    if (this.unsaved() && !window.confirm(`${UNSAVED}\n\nGo on without it?`)) {
      return undefined;
    }
    return this.#wait('Looking for the next sample', async () => {
      const sample = await this.client.nextSample(this.strategy);
      if (!sample.StudyInstanceUID) {
        this.tell(sample.id ? 'The next sample is in no study that OHIF shows' : 'Every radiograph has a label', 'info');
        return;
      }
      const url = new URL(window.location.href);
      url.search = new URLSearchParams({
        StudyInstanceUIDs: sample.StudyInstanceUID,
        initialSeriesInstanceUID: sample.SeriesInstanceUID,
        initialSOPInstanceUID: sample.SOPInstanceUID,
      });
      this.leaving = true;
      window.location.assign(url);
    });
  }

  /** A choice in the panel, remembered. @param {'model' | 'strategy' | 'zoom' | 'names' | 'annotator'} name */
  choose(name, value) {
    this[name] = value;
    remember(name, String(value));
    this.changed();
    this.#redraw();
  }

  /** @param {boolean} byConfidence */
  sort(byConfidence) {
    this.byConfidence = byConfidence;
    remember('order', byConfidence ? 'worst' : 'set');
    this.changed();
  }

  // --- going about ----------------------------------------------------------------------------------------------------

  /** Make a landmark the current one and show it. @param {string | undefined} name */
  go(name, { look = true } = {}) {
    this.current = name ?? null;
    const shown = activeImage(this.services);
    if (look && this.row && isPlaced(this.row) && shown?.image === this.image) {
      lookAt(shown, this.row, this.zoom);
    }
    this.changed();
    this.#redraw();
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

  // --- deciding -------------------------------------------------------------------------------------------------------

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
      this.#say('');
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
      this.#say('All landmarks have a place');
    }
  }

  /** Tell the annotator something. @param {string} sentence @param {'info' | 'success' | 'error'} type */
  tell(sentence, type) {
    this.message = { sentence, type };
    this.#notify(sentence, type);
    this.changed();
  }

  /** Tell those who show the session that it has changed. */
  changed() {
    this.#listeners.forEach(listener => listener());
  }

  /** Do something that takes time and may fail, and tell the sentence. */
  async attempt(work) {
    try {
      await work();
      this.loginNeeded = false;
    } catch (error) {
      this.loginNeeded = error.status === 401;
      this.tell(error.message, 'error');
    }
  }

  async #wait(what, work) {
    if (this.busy) {
      return;
    }
    this.busy = true;
    this.#say(`${what}…`);
    await this.attempt(work);
    this.busy = false;
    this.changed();
  }

  #waitForClick({ name }) {
    this.placing = true;
    this.#say(`Click on the radiograph to place ${name}; Esc ends`);
  }

  /** In the panel only. */
  #say(sentence) {
    this.message = { sentence, type: 'info' };
    this.changed();
  }

  #decide(change) {
    const { label, row } = this;
    if (label && row) {
      change(label, row);
      this.#show();
      this.changed();
    }
  }

  #notify(message, type) {
    const place = { position: 'bottom-left', duration: NOTICE_MS }; // the right corner is where our buttons are
    this.services.uiNotificationService?.show({ title: 'MONAI Label', message, type, ...place });
  }

  /** Somebody has moved or removed a point in OHIF. */
  #handled(label, row) {
    if (label === this.label) {
      this.current = row.name;
      this.changed();
    }
  }

  #setOf(model) {
    return this.info?.trainers[model]?.landmark_set;
  }

  /** Let a label take the place of the one that its image had. */
  #take(label, model) {
    const old = this.labels.get(label.image);
    if (old) {
      this.points.hide(old);
    }
    label.model = model;
    this.labels.set(label.image, label);
    this.#show();
    this.changed();
  }

  /** See which image is in the active viewport now, and bring its label. */
  #look() {
    drawScene(this);
    const image = activeImage(this.services)?.image ?? null;
    if (image !== this.image) {
      this.stopPlacing();
      this.image = image;
      this.current = null;
      this.#show();
      this.changed();
    }
    if (image && this.info && !this.labels.has(image) && !this.#asked.has(image)) {
      this.#asked.add(image);
      this.attempt(() => this.#load(image));
    }
  }

  async #load(image) {
    const stored = await this.client.stored(image);
    if (stored.tag && !this.labels.has(image)) {
      const model = this.#modelFor(stored);
      this.#take(Label.stored(image, this.#setOf(model), stored), model);
      if (image === this.image) {
        this.#say(this.label.origin);
      }
    }
  }

  /** The model whose landmarks a stored label has: the chosen one where it does. */
  #modelFor({ landmark_set: name }) {
    const fits = model => this.#setOf(model)?.name === name;
    const found = fits(this.model) ? this.model : this.models.find(fits);
    this.model = found ?? this.model;
    return found;
  }

  #show() {
    const { label } = this;
    const [shown] = label ? viewportsOf(this.services, label.image) : [];
    if (shown) {
      this.points.show(label, shown);
    }
  }

  #redraw() {
    viewportsOf(this.services, this.image).forEach(({ viewport }) => viewport.render());
  }
}
