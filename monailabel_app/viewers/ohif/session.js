/** The work with a server: which models it has, what they predict, the label that is submitted, the next sample. */
import { Client } from './client.js';
import { Label } from './label.js';
import { isPlaced, submissionQuestion } from './review.js';
import { Reviewing } from './reviewing.js';
import { browserId, keepAside, keptAside, recall, rememberServer, tellNextPage, toldBefore } from './settings.js';

const UNSAVED = 'What you have decided on this radiograph has not been submitted.';

export class Session extends Reviewing {
  /** @type {object | null} what the server has; null until it has been asked */
  info = null;
  /** Something is being waited for. */
  busy = false;
  /** The server wants to know who asks. */
  loginNeeded = false;
  model = recall('model');
  strategy = recall('strategy');
  annotator = recall('annotator');

  /** Images whose label the server has been asked for. */
  #asked = new Set();

  /**
   * @param {{services: object, extensionManager: object, commandsManager: object}} managers OHIF's
   * @param {Client} client
   */
  constructor(managers, client) {
    super(managers);
    this.client = client;
    window.addEventListener('beforeunload', event => this.unsaved() && !this.leaving && event.preventDefault());
    this.enter();
  }

  /** Models that this panel can work with: those that have a landmark set. */
  get models() {
    return Object.keys(this.info?.trainers ?? {}).filter(name => this.info.trainers[name].landmark_set);
  }

  /** Whether the chosen model has weights. */
  get canPredict() {
    return this.info?.models[this.model]?.type === 'detection';
  }

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
      this.say(`Connected to ${this.info.name}`, 'success');
      this.look();
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
      const label = Label.predicted(image, model, this.#setOf(model), await this.client.predict(model, image));
      this.take(label);
      this.current = null;
      this.goOn({ look: false });
      this.tell(`${label.rows.filter(isPlaced).length} landmarks predicted`, 'success');
    });
  }

  /** Start without a model: all landmarks of the chosen model's set wait for being placed. */
  emptyList() {
    this.take(new Label(this.image, this.model, this.#setOf(this.model)));
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
      this.redraw();
      this.tell('Label submitted', 'success');
      await this.refreshInfo();
    });
  }

  /** Open the next image to annotate, in the same mode. */
  nextSample() {
    return this.#mayLeave() ? this.#wait('Looking for the next sample', () => this.#openNext()) : undefined;
  }

  /**
   * Take the image out of what is to be annotated, for now or for good, and open the next one.
   * @param {'defer' | 'reject'} decision
   * @param {string} reason
   */
  setAside(decision, reason = '') {
    const { image } = this;
    if (!this.#mayLeave()) {
      return undefined;
    }
    return this.#wait('Setting aside', async () => {
      await this.client.decide(image, decision, reason, this.#asker);
      keepAside({ image, server: this.client.url });
      await this.#openNext();
    });
  }

  /** Whether an image of this server was set aside in this tab, and that has not been taken back. */
  get canTakeBack() {
    return keptAside()?.server === this.client.url;
  }

  /** Open the image that was set aside last again: it is to be annotated after all. */
  takeBack() {
    if (!this.canTakeBack || !this.#mayLeave()) {
      return undefined;
    }
    const { image } = keptAside();
    return this.#wait('Taking back', async () => {
      const sample = await this.client.takeBack(image, this.#asker).catch(error => {
        if (error.status === 404) {
          keepAside(null); // the radiograph is gone
        }
        throw error;
      });
      keepAside(null);
      if (image !== this.image && sample.StudyInstanceUID) {
        this.#open(sample);
      }
    });
  }

  /** Why the strategy has chosen the image that is shown; empty where it was opened by hand. */
  get why() {
    return toldBefore(this.image);
  }

  /** Who asks for samples: the annotator, or this browser. */
  get #asker() {
    return this.annotator || browserId();
  }

  #mayLeave() {
    return !this.unsaved() || window.confirm(`${UNSAVED}\n\nGo on without it?`);
  }

  async #openNext() {
    const sample = await this.client.nextSample(this.strategy, this.model, this.#asker);
    if (!sample.StudyInstanceUID) {
      const none = sample.message ?? 'Every radiograph has a label';
      this.tell(sample.id ? 'The next sample is in no study that OHIF shows' : none, 'info');
      return;
    }
    tellNextPage(sample.SOPInstanceUID, sample.why ?? '');
    this.#open(sample);
  }

  /** @param {{StudyInstanceUID: string, SeriesInstanceUID: string, SOPInstanceUID: string}} sample */
  #open(sample) {
    const url = new URL(window.location.href);
    url.search = new URLSearchParams({
      StudyInstanceUIDs: sample.StudyInstanceUID,
      initialSeriesInstanceUID: sample.SeriesInstanceUID,
      initialSOPInstanceUID: sample.SOPInstanceUID,
    });
    this.leaving = true;
    window.location.assign(url);
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
    this.say(`${what}…`);
    await this.attempt(work);
    this.busy = false;
    this.changed();
  }

  /** See which image is in the active viewport now, and bring its label. */
  look() {
    super.look();
    const { image } = this;
    if (image && this.info && !this.labels.has(image) && !this.#asked.has(image)) {
      this.#asked.add(image);
      this.attempt(() => this.#load(image));
    }
  }

  #setOf(model) {
    return this.info?.trainers[model]?.landmark_set;
  }

  async #load(image) {
    const stored = await this.client.stored(image).catch(error => this.#unknown(error));
    if (stored.tag && !this.labels.has(image)) {
      const model = this.#modelFor(stored);
      this.take(Label.stored(image, model, this.#setOf(model), stored));
      if (image === this.image) {
        this.say(this.label.origin);
      }
    }
  }

  /** A study may hold images that the server does not take for radiographs: no notification for each. */
  #unknown(error) {
    if (error.status !== 404) {
      throw error;
    }
    this.say(error.message, 'error');
    return { tag: null };
  }

  /** The model whose landmarks a stored label has: the chosen one where it does. */
  #modelFor({ landmark_set: name }) {
    const fits = model => this.#setOf(model)?.name === name;
    const found = fits(this.model) ? this.model : this.models.find(fits);
    this.model = found ?? this.model;
    return found;
  }
}
