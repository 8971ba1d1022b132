/** Active learning: which image next, train on what was submitted, how far it is. */

import { fill, h } from './dom.js';

const LOOK_MS = 3000;

export class Learning {
  /** @param {{next: Function, train: Function, stop: Function, look: Function, tell: Function}} actions */
  constructor(actions) {
    this.actions = actions;
    this.running = false;
    this.strategy = h('select', { 'data-cy': 'farnet-strategy', id: 'farnet-strategy' });
    this.next = h('button', { className: 'main', 'data-cy': 'farnet-next', onclick: () => actions.next(this.strategy.value) }, 'Next Sample');
    this.train = h('button', { 'data-cy': 'farnet-train',
      onclick: () => (this.running ? actions.stop() : actions.train()) }, 'Update Model');
    this.bars = { annotated: bar('Annotated'), training: bar('Training'), accuracy: bar('Train Acc') };
    this.element = h('section', {},
      h('h3', {}, 'Active learning'),
      h('label', { htmlFor: 'farnet-strategy' }, 'Strategy'), this.strategy,
      h('div', { className: 'farnet-row' }, this.next, this.train),
      ...Object.values(this.bars).map(({ element }) => element));
  }

  /** Show what `/info/` tells, and whether a training runs. */
  show(info, model, running) {
    const finished = this.running && !running;
    this.running = running;
    fill(this.strategy, Object.keys(info.strategies ?? {}));
    this.train.textContent = running ? 'Stop Training' : 'Update Model';
    this.train.classList.toggle('stop', running);
    this.train.disabled = !(model in (info.trainers ?? {}));
    const { total = 0, completed = 0 } = info.datastore ?? {};
    this.bars.annotated.set(completed, total, `${completed} / ${total}`);
    const { epoch = 0, total_epochs: epochs = 0, best_metric: best } = info.train_stats?.[model] ?? {};
    this.bars.training.set(running ? epoch : 0, epochs, running ? `${epoch} / ${epochs}` : 'not running');
    const accuracy = best ?? info.models?.[model]?.metrics?.val_sdr_2mm;
    this.bars.accuracy.set(accuracy ?? 0, 1, accuracy == null ? '–' : `${Math.round(100 * accuracy)} %`);
    if (finished) this.actions.tell('Training finished');
    this.watch();
  }

  /** Look again while a training runs. */
  watch() {
    clearTimeout(this.timer);
    if (this.running) this.timer = setTimeout(() => this.actions.look(), LOOK_MS);
  }

  close() {
    clearTimeout(this.timer);
  }
}

function bar(name) {
  const progress = h('progress', { max: 1, value: 0, 'aria-label': name });
  const value = h('span', { className: 'value', 'data-cy': `farnet-${name.toLowerCase().replace(' ', '-')}` });
  const set = (part, whole, text) => {
    progress.max = whole || 1;
    progress.value = part;
    value.textContent = text;
  };
  return { element: h('div', { className: 'farnet-bar' }, h('span', {}, name), progress, value), set };
}
