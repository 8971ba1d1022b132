/** The panel: draws what the session says, and passes on what the annotator asks for. */
import { button, choice, element, fill } from './dom.js';
import { listenToKeys } from './keys.js';
import { listenToClicks } from './placing.js';
import { summary, isLeft } from './review.js';
import { LandmarkTable } from './rows.js';
import { ServerForm } from './server.js';
import { Training } from './training.js';

const ZOOMS = [
  ['1', 'off'],
  ['2', '2 times'],
  ['3', '3 times'],
  ['5', '5 times'],
  ['8', '8 times'],
];
const NAMES = [
  ['full', 'in full'],
  ['short', 'abbreviated'],
  ['none', 'none'],
];

/**
 * Fill a node with the panel.
 * @param {HTMLElement} node
 * @param {import('./session.js').Session} session
 * @returns {() => void} empties it
 */
export function mountPanel(node, session) {
  const panel = new Panel(session);
  node.replaceChildren(panel.node);
  return panel.open();
}

class Panel {
  /** @param {import('./session.js').Session} session */
  constructor(session) {
    this.session = session;
    this.table = new LandmarkTable(name => session.go(name));
    this.training = new Training(session);
    this.server = new ServerForm(session, () => this.training.start());
    this.status = element('p', { cy: 'status', className: 'farnet-status', role: 'status' });
    this.work = element('div', {}, this.#radiograph(), this.#review(), this.training.node, this.#view());
    this.node = element(
      'div',
      { cy: 'panel', className: 'farnet' },
      element('link', { rel: 'stylesheet', href: new URL('./style.css', import.meta.url).href }),
      this.server.node,
      this.server.login,
      this.status,
      this.work,
    );
  }

  /** Begin: the server is asked, keys and clicks work. Returns what ends it. */
  open() {
    const { session } = this;
    const ends = [
      session.onChange(() => this.#draw()),
      listenToKeys(session, () => !this.submit.disabled && session.submit()),
      listenToClicks(session),
      () => this.training.stop(),
      () => session.stopPlacing(),
    ];
    this.#draw();
    this.server.connect(session.client.url);
    return () => ends.forEach(end => end());
  }

  // --- parts --------------------------------------------------------------------------------------------------------

  #radiograph() {
    const { session } = this;
    this.model = choice('model', 'Model', value => session.choose('model', value));
    this.predict = button('predict', 'Predict', 'Let the model find the landmarks of this radiograph', () =>
      session.predict(),
    );
    this.annotator = element('input', {
      cy: 'annotator',
      autocomplete: 'name',
      maxLength: 64,
      placeholder: 'stands in the label',
      value: session.annotator,
      on: { change: () => session.choose('annotator', this.annotator.value.trim()) },
    });
    const annotator = element('label', { className: 'farnet-field' }, element('span', {}, 'Your name'), this.annotator);
    this.empty = button(
      'empty-list',
      'Empty List',
      'Place all landmarks by hand: for the first radiographs, while there is no model yet',
      () => session.emptyList(),
    );
    return element(
      'section',
      { aria: { label: 'Model' } },
      element('h3', {}, 'Landmarks'),
      this.model.field,
      annotator,
      element('div', { className: 'farnet-buttons' }, this.predict, this.empty),
    );
  }

  #review() {
    const { session } = this;
    this.count = element('p', { cy: 'summary', className: 'farnet-summary' });
    this.done = element('div', { className: 'farnet-bar-done' });
    this.hint = element('p', { cy: 'hint', className: 'farnet-hint' });
    this.order = element('input', {
      cy: 'worst-first',
      type: 'checkbox',
      on: { change: () => session.sort(this.order.checked) },
    });
    this.definition = element('p', { cy: 'definition', className: 'farnet-definition' });
    this.submit = button(
      'submit',
      'Submit Label',
      'Send the landmarks to the server; what is predicted counts as accepted\nShortcut: Ctrl+Enter',
      () => session.submit(),
      {
        className: 'farnet-main',
      },
    );
    this.actions = ACTIONS.map(([cy, text, key, title, act]) =>
      button(cy, `${text} (${key})`, title, () => act(session)),
    );
    this.review = element(
      'section',
      { aria: { label: 'Review' } },
      this.count,
      element('div', { className: 'farnet-thin-bar' }, this.done),
      this.hint,
      element(
        'label',
        { className: 'farnet-check', title: 'What to look at first; otherwise in the order of the landmark set' },
        this.order,
        'Worst first',
      ),
      this.table.node,
      this.definition,
      element('div', { className: 'farnet-grid' }, ...this.actions),
      this.submit,
    );
    return this.review;
  }

  #view() {
    const { session } = this;
    this.zoom = choice('zoom', 'Zoom on jump', value => session.choose('zoom', Number(value)));
    this.names = choice('names', 'Names', value => session.choose('names', value));
    return element(
      'section',
      { aria: { label: 'View' } },
      element('h3', {}, 'View'),
      this.zoom.field,
      this.names.field,
    );
  }

  // --- drawing ------------------------------------------------------------------------------------------------------

  #draw() {
    const { session } = this;
    const { info, image, label, rows, row, busy, message } = session;
    this.work.hidden = !info;
    this.server.draw();
    fill(
      this.model.select,
      session.models.map(name => [name, name]),
      session.model,
    );
    this.predict.disabled = !image || !session.canPredict || busy;
    this.predict.title = session.canPredict ? PREDICT_HELP : NO_WEIGHTS_HELP;
    this.empty.disabled = !image || !session.model || Boolean(label) || busy;
    this.count.textContent = label ? summary(rows) : image ? 'No landmarks yet' : 'No radiograph is shown';
    this.count.title = label?.origin ?? '';
    this.done.style.width = `${rows.length ? (100 * rows.filter(one => !isLeft(one)).length) / rows.length : 0}%`;
    this.hint.textContent = rows.some(isLeft) ? label.hint : ''; // it is about the prediction
    this.hint.dataset.type = label?.trust?.shape?.plausible === false ? 'warning' : 'info';
    this.order.checked = session.byConfidence;
    this.review.classList.toggle('farnet-without-list', !rows.length);
    this.table.draw(rows, session.current);
    this.definition.replaceChildren(...(row ? [element('b', {}, row.name), ` ${row.definition}`] : []));
    this.actions.forEach(action => {
      action.disabled = !rows.length;
    });
    this.actions[PLACE].setAttribute('aria-pressed', String(session.placing));
    this.submit.disabled = !rows.length || busy;
    fill(this.zoom.select, ZOOMS, String(session.zoom));
    fill(this.names.select, NAMES, session.names);
    this.training.draw();
    if (this.status.textContent !== message.sentence) {
      this.status.textContent = message.sentence; // said aloud once, not with each drawing
    }
    this.status.dataset.type = message.type;
  }
}

const PREDICT_HELP = 'Let the model find the landmarks of this radiograph';
const NO_WEIGHTS_HELP = 'This model has no weights yet: begin with Empty List, and train';

/** @type {[string, string, string, string, (session: object) => void][]} */
const ACTIONS = [
  ['previous', 'Previous', 'B', 'Go to the landmark above', session => session.step(-1)],
  ['next', 'Next', 'N', 'Go to the landmark below', session => session.step(1)],
  ['accept', 'Accept', 'A', 'It is right where it is; go to the next that is left', session => session.accept()],
  [
    'place',
    'Place',
    'P',
    'Click in the image to place it, then others without a place; Esc ends',
    session => session.place(),
  ],
  ['skip', 'Skip', 'S', 'It is not in this radiograph; once more takes that back', session => session.skip()],
  ['reset', 'Reset', 'U', 'Back to where the model had put it', session => session.reset()],
  ['occluded', 'Occluded', 'O', 'It lies behind other anatomy and is inferred', session => session.toggleOccluded()],
  ['whole-image', 'Whole Image', 'W', 'Show the whole radiograph', session => session.showAll()],
];
const PLACE = ACTIONS.findIndex(([cy]) => cy === 'place');
