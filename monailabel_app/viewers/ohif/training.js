/** Active learning: the next sample, the training and how far it is, in the words of MONAI Label's own plugin. */
import { Aside } from './aside.js';
import { bar, button, choice, element, fill } from './dom.js';

const RUNNING_MS = 3000;
const IDLE_MS = 15000;

export class Training {
  #timer = null;
  #running = false;
  #stopping = false;

  /** @param {import('./session.js').Session} session */
  constructor(session) {
    this.session = session;
    this.strategy = choice('strategy', 'Strategy', value => session.choose('strategy', value));
    this.next = button('next-sample', 'Next Sample', 'Open the next radiograph to annotate', () =>
      session.nextSample(),
    );
    this.aside = new Aside(session);
    this.why = element('p', { cy: 'why', className: 'farnet-hint' });
    this.update = button('update-model', 'Update Model', 'Train the chosen model on all submitted labels', () =>
      session.attempt(() => this.#toggle()),
    );
    this.bars = {
      annotated: bar('annotated', 'Annotated'),
      epochs: bar('training', 'Training'),
      accuracy: bar('accuracy', 'Train Acc'),
    };
    this.node = element(
      'section',
      { aria: { label: 'Active learning' } },
      element('h3', {}, 'Active Learning'),
      this.strategy.field,
      element('div', { className: 'farnet-buttons' }, this.next, this.aside.later, this.aside.reject),
      this.aside.form,
      element('div', { className: 'farnet-buttons' }, this.aside.back),
      this.why,
      element('div', { className: 'farnet-buttons' }, this.update),
      ...Object.values(this.bars).map(({ field }) => field),
    );
  }

  /** See now and then whether a training runs, which may have been started elsewhere, until the server is away. */
  start() {
    this.#soon(0);
  }

  /** The panel goes. */
  stop() {
    clearTimeout(this.#timer);
  }

  draw() {
    const { info, strategy, busy, model, why } = this.session;
    const strategies = Object.entries(info?.strategies ?? {});
    fill(
      this.strategy.select,
      strategies.map(([name, { description = '' }]) => [name, name, description]),
      strategy,
    );
    this.strategy.field.title = info?.strategies?.[strategy]?.description ?? '';
    this.aside.draw();
    this.why.textContent = why;
    this.next.disabled = !strategy || busy;
    this.update.disabled = !model;
    this.update.textContent = this.#running ? 'Stop Training' : 'Update Model';
    const { completed = 0, total = 0 } = info?.datastore ?? {};
    this.bars.annotated.set(
      completed / total,
      `${completed} of ${total}`,
      `${completed} of ${total} radiographs have a submitted label`,
    );
    const { epoch = 0, total_epochs: all = 0, best_metric: best } = info?.train_stats?.[model] ?? {};
    this.#drawEpochs(epoch, all);
    this.#drawAccuracy(best || accuracyOf(info?.models[model]));
  }

  #drawEpochs(epoch, all) {
    const epochs = `${epoch} of ${all} epochs`;
    const [done, told, title] = this.#running
      ? [epoch / all, epochs, epochs]
      : [0, 'not running', 'No training is running'];
    this.bars.epochs.set(done, told, title);
  }

  #drawAccuracy(share) {
    const told = share ? `${Math.round(100 * share)}%` : 'not known yet';
    const title = `${told}: landmarks of held-out radiographs that are found within the tolerance`;
    this.bars.accuracy.set(share, told, title);
  }

  async #toggle() {
    const { session } = this;
    if (await session.client.isTraining()) {
      clearTimeout(this.#timer); // the verdict comes after the word that it was stopped
      this.#stopping = true;
      try {
        await session.client.stopTraining();
      } finally {
        this.#stopping = false;
      }
      session.tell('Model update task STOPPED', 'success');
    } else {
      await session.client.train(session.model);
      this.#running = true;
      session.tell('Model update task STARTED', 'success');
    }
    this.#soon(RUNNING_MS); // the server has first to begin, or to end
  }

  #soon(milliseconds) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.session.attempt(() => this.#poll()), milliseconds);
  }

  async #poll() {
    if (this.#stopping) {
      return;
    }
    const was = this.#running;
    this.#running = await this.session.client.isTraining();
    if (this.#running || was) {
      await this.session.refreshInfo();
    }
    if (was && !this.#running) {
      const { verdict, message } = this.session.info?.train_stats?.[this.session.model] ?? {};
      this.session.tell(verdict ?? message ?? 'The training has ended', 'info');
    }
    this.session.changed();
    this.#soon(this.#running ? RUNNING_MS : IDLE_MS);
  }
}

/** What the served model had reached when it was trained; undefined where it does not say. */
function accuracyOf(model) {
  return Object.entries(model?.metrics ?? {}).find(([name]) => name.startsWith('val_sdr'))?.[1];
}
