/** The panel: server, landmarks of the image that is shown, active learning. */

import { Client } from './client.js';
import { fill, h } from './dom.js';
import { look, takeOver } from './drawing.js';
import { Learning } from './learning.js';
import { LandmarkList } from './list.js';
import { remember, remembered, rememberedServer, rememberServer } from './settings.js';
import { STYLE } from './style.js';
import { Viewer } from './viewer.js';
import { isPlaced, moved, Work } from './work.js';

const LOOK_MS = 300; // events for a new image differ from one OHIF to the next; looking does not
const CROWDED = 25; // landmarks, from which on the picture has their short names

export class Panel {
  /**
   * @param {HTMLElement} root where the panel is drawn
   * @param {{services: object, extensionManager: object}} ohif
   * @param {string} url the server, unless the user has named another
   */
  constructor(root, ohif, url) {
    this.viewer = new Viewer(ohif);
    this.services = ohif.services;
    this.works = new Map();
    this.image = null;
    this.info = null;
    this.build(root, rememberedServer() ?? new URL(url, location.href).href);
    this.leaving = event => {
      if (this.anyUnsaved()) event.preventDefault();
    };
    window.addEventListener('beforeunload', this.leaving);
    this.timer = setInterval(() => this.follow(), LOOK_MS);
    this.connect();
  }

  close() {
    clearInterval(this.timer);
    this.learning.close();
    this.stopPlacing?.();
    window.removeEventListener('beforeunload', this.leaving);
  }

  // --- what is seen ---------------------------------------------------------------------------------------------

  build(root, url) {
    const connect = () => this.connect();
    this.server = h('input', { id: 'farnet-server', 'data-cy': 'farnet-server', value: url, onchange: connect });
    this.token = h('input', { id: 'farnet-token', type: 'password', autocomplete: 'off', 'data-cy': 'farnet-token' });
    const login = event => {
      event.preventDefault();
      this.client.useToken(this.token.value.trim());
      connect();
    };
    this.login = h('form', { hidden: true, onsubmit: login }, h('label', { htmlFor: 'farnet-token' }, 'Login token'),
      this.token);
    this.links = ['info/', 'logs/?lines=100'].map(path => h('a', { target: '_blank', rel: 'noopener', 'data-path': path },
      path.startsWith('info') ? 'Info' : 'Logs'));
    this.model = h('select', { id: 'farnet-model', 'data-cy': 'farnet-model',
      onchange: () => { remember('model', this.model.value); this.chooseSet(); } });
    this.annotator = h('input', { id: 'farnet-annotator', 'data-cy': 'farnet-annotator', value: remembered('annotator'),
      placeholder: 'stands in the label', onchange: () => remember('annotator', this.annotator.value.trim()) });
    this.predict = h('button', { className: 'main', 'data-cy': 'farnet-predict', onclick: this.asked('predicting', this.predictImage) }, 'Predict');
    this.submit = h('button', { className: 'main', 'data-cy': 'farnet-submit', onclick: this.asked('submitting', this.submitLabel) }, 'Submit Label');
    this.showNames = this.check('Names', 'showNames');
    this.showLines = this.check('Lines', 'showLines');
    this.list = new LandmarkList({
      jump: name => this.image && this.viewer.jump(this.image, name),
      place: name => this.placeByClick(name),
      missing: name => this.change(name, { x: null, y: null, state: 'missing' }),
      occluded: name => this.toggleOccluded(name),
      reset: name => this.reset(name),
    });
    this.learning = new Learning({
      next: this.asked('asking for the next image', this.nextSample),
      train: this.asked('starting the training', async () => { await this.client.train(this.model.value); this.tell('Training started', 'success'); await this.refresh(); }),
      stop: this.asked('stopping the training', async () => { await this.client.stopTraining(); this.tell('Training is being stopped'); await this.refresh(); }),
      look: this.asked('', () => this.refresh()),
      tell: sentence => this.tell(sentence, 'success'),
    });
    this.status = h('div', { className: 'farnet-status', role: 'status', 'aria-live': 'polite', 'data-cy': 'farnet-status' });
    this.body = h('div', { hidden: true },
      h('section', {}, h('h3', {}, 'Landmarks'),
        h('label', { htmlFor: 'farnet-model' }, 'Model'), this.model,
        h('label', { htmlFor: 'farnet-annotator' }, 'Your name'), this.annotator,
        h('div', { className: 'farnet-row' }, this.predict, this.submit),
        h('div', { className: 'farnet-row' }, this.showNames, this.showLines),
        this.list.element),
      this.learning.element);
    root.replaceChildren(h('div', { className: 'farnet', 'data-cy': 'farnet-panel' }, h('style', {}, STYLE),
      h('section', {}, h('h3', {}, 'MONAI Label server'),
        h('label', { htmlFor: 'farnet-server' }, 'Address'),
        h('div', { className: 'farnet-row' }, h('span', { className: 'wide' }, this.server),
          h('button', { 'data-cy': 'farnet-connect', title: 'Connect again', onclick: connect }, '↻')),
        this.login, h('div', { className: 'farnet-row' }, this.links[0], '|', this.links[1])),
      this.status, this.body));
  }

  check(text, key) {
    const box = h('input', { type: 'checkbox', checked: look[key], onchange: () => {
      look[key] = box.checked;
      this.image?.viewport.render();
    } });
    return h('label', { className: 'inline' }, box, ` ${text}`);
  }

  tell(sentence, type = 'info') {
    this.status.textContent = sentence;
    this.status.classList.toggle('error', type === 'error');
    this.viewer.notify(sentence, type);
  }

  /** A handler that says what it does, lets nobody press twice, and shows the sentence of what goes wrong. */
  asked(doing, action) {
    return async (...given) => {
      if (this.busy && doing) return;
      this.busy = Boolean(doing);
      this.enable();
      if (doing) this.status.textContent = `${doing[0].toUpperCase()}${doing.slice(1)}…`;
      try {
        await action.apply(this, given);
      } catch (error) {
        console.error(error);
        this.login.hidden = ![401, 403].includes(error.status) && this.login.hidden;
        this.tell(error.message, 'error');
      } finally {
        this.busy = false;
        this.enable();
      }
    };
  }

  enable() {
    const ready = Boolean(this.work) && !this.busy;
    this.predict.disabled = !ready || !this.info?.models[this.model.value];
    this.submit.disabled = !ready || !this.work.list().some(isPlaced);
    this.learning.next.disabled = Boolean(this.busy);
  }

  // --- the server -----------------------------------------------------------------------------------------------

  async connect() {
    const url = this.server.value.trim();
    await this.asked('connecting', async () => {
      this.client = new Client(url, this.services.userAuthenticationService);
      this.links.forEach(link => { link.href = new URL(link.dataset.path, this.client.url).href; });
      this.body.hidden = true;
      await this.refresh();
      rememberServer(url);
      this.login.hidden = true;
      this.body.hidden = false;
      fill(this.model, this.models(), remembered('model'));
      this.status.textContent = '';
      this.chooseSet();
    })();
  }

  async refresh() {
    const [info, running] = await Promise.all([this.client.info(), this.client.isTraining()]);
    this.info = info;
    this.learning.show(info, this.model.value || this.models()[0], running);
  }

  /** Those that place landmarks: the trainers, since a model without weights is not among the models yet. */
  models() {
    return Object.entries(this.info.trainers).filter(([, { landmark_set: set }]) => set?.landmarks).map(([name]) => name);
  }

  chooseSet() {
    this.set = this.info.trainers[this.model.value]?.landmark_set;
    if (!this.set) throw new Error('This server has no model that places landmarks.');
    look.lines = this.set.lines;
    const short = this.set.landmarks.length > CROWDED;
    look.names = new Map(this.set.landmarks.map(({ name, abbreviation }) => [name, short ? abbreviation : name]));
    this.definitions = new Map(this.set.landmarks.map(({ name, definition }) => [name, definition]));
    this.works.clear();
    this.image = this.work = null; // so that the image is looked at anew
    this.learning.show(this.info, this.model.value, this.learning.running);
    this.follow();
  }

  // --- the image ------------------------------------------------------------------------------------------------

  /** Called again and again: take over a new image, and where the points are now. */
  follow() {
    if (!this.set) return;
    takeOver(this.services, annotation => this.isMoved(annotation));
    const image = this.viewer.image();
    if (image?.imageId !== this.image?.imageId || image?.viewport !== this.image?.viewport) this.openImage(image);
    if (!this.image || !this.work || this.busy) return;
    const points = this.viewer.points(this.image);
    this.work.follow(new Map([...points].map(([name, annotation]) => [name, this.viewer.place(this.image, annotation)])));
    const shown = JSON.stringify(this.work.list());
    if (shown !== this.shown) {
      this.shown = shown;
      this.list.show(this.work.list(), this.definitions);
      this.enable();
    }
  }

  openImage(image) {
    this.stopPlacing?.();
    this.image = image;
    this.work = image && (this.works.get(image.imageId) ?? null);
    this.shown = null;
    if (!image || this.work) {
      if (!image) this.list.show([]);
      return this.enable();
    }
    this.asked('loading the label', async () => {
      const { tag, info, landmarks } = await this.client.stored(image.id, this.model.value);
      const work = new Work(image, this.set.landmarks.map(({ name }) => name));
      work.load(landmarks, tag);
      work.settle();
      this.works.set(image.imageId, work);
      if (this.viewer.image()?.imageId === image.imageId) this.showWork(image, work);
      this.status.textContent = { final: `Submitted label${by(info)} loaded`, original: 'Stored prediction loaded' }[tag] ?? 'No label yet: press Predict';
    })();
  }

  showWork(image, work) {
    this.image = image;
    this.work = work;
    this.viewer.points(image).forEach((_, name) => this.viewer.remove(image, name));
    work.list().filter(isPlaced).forEach(item => this.viewer.put(image, item));
    this.shown = null;
  }

  isMoved({ data, metadata }) {
    const work = this.works.get(metadata.referencedImageId);
    return Boolean(moved(work?.landmarks.get(data.farnet.name) ?? { state: 'undefined' }));
  }

  // --- what the user does -----------------------------------------------------------------------------------------

  async predictImage() {
    const { image, work } = this;
    if (work.unsaved && !confirm('Replace your unsaved landmarks of this image by a prediction?')) {
      this.status.textContent = '';
      return;
    }
    const { model, version, landmarks } = await this.client.infer(this.model.value, image.id);
    const found = landmarks.map(item => ({ ...item, predicted: item.x == null ? null : { x: item.x, y: item.y, model: `${model} ${version}` } }));
    work.load(found, work.tag);
    work.settle();
    this.showWork(image, work);
    this.tell(`${found.filter(isPlaced).length} landmarks predicted`, 'success');
  }

  async submitLabel() {
    const { image, work } = this;
    const params = { model: this.model.value, client_id: this.annotator.value.trim() || 'OHIF' };
    await this.client.submit(image.id, work.list(), params);
    work.tag = 'final';
    work.settle();
    await this.refresh();
    this.tell(`Label submitted: ${work.list().filter(isPlaced).length} landmarks`, 'success');
  }

  async nextSample(strategy) {
    const sample = await this.client.nextSample(strategy, { client_id: this.annotator.value.trim() || 'OHIF' });
    if (!sample?.StudyInstanceUID) return this.tell('Every image has a label: nothing left to annotate', 'success');
    if (this.anyUnsaved() && !confirm('Leave this study? Your landmarks have not been submitted.')) return undefined;
    this.works.clear();
    const address = new URL(location.href);
    address.searchParams.set('StudyInstanceUIDs', sample.StudyInstanceUID);
    address.searchParams.set('initialSeriesInstanceUID', sample.SeriesInstanceUID);
    address.searchParams.set('initialSopInstanceUID', sample.SOPInstanceUID);
    location.assign(address);
    return undefined;
  }

  anyUnsaved() {
    return [...this.works.values()].some(work => work.unsaved);
  }

  /** Change a landmark by hand. */
  change(name, change) {
    this.work.set(name, change);
    const item = this.work.landmarks.get(name);
    if (isPlaced(item)) this.viewer.put(this.image, item);
    else this.viewer.remove(this.image, name);
    this.shown = null;
    this.follow();
  }

  toggleOccluded(name) {
    const { state } = this.work.landmarks.get(name);
    this.change(name, { state: state === 'occluded' ? 'defined' : 'occluded' });
  }

  reset(name) {
    const { x, y } = this.work.landmarks.get(name).predicted;
    this.change(name, { x, y, state: 'defined' });
    this.viewer.jump(this.image, name);
  }

  placeByClick(name) {
    this.stopPlacing?.();
    this.status.textContent = `Click on the image where ${name} is`;
    this.stopPlacing = this.viewer.nextClick(this.image, place => {
      this.stopPlacing = null;
      this.status.textContent = '';
      this.change(name, { ...place, state: 'defined' });
    });
  }
}

const by = ({ user, client_id: client }) => (user || client ? ` by ${user || client}` : '');
