/** The list of landmarks: those that need a look first, a click jumps, buttons below change the chosen one. */

import { h } from './dom.js';
import { colour } from './drawing.js';
import { isPlaced, moved, worstFirst } from './work.js';

export class LandmarkList {
  /**
   * @param {{jump: Function, place: Function, missing: Function, occluded: Function, reset: Function}} actions each gets
   *   a landmark's name
   */
  constructor(actions) {
    this.actions = actions;
    this.chosen = null;
    this.items = [];
    this.order = h('select', { 'data-cy': 'farnet-order', onchange: () => this.draw() },
      h('option', { value: 'worst' }, 'Worst first'), h('option', { value: 'set' }, 'Order of the set'));
    this.rows = h('ol', { role: 'listbox', tabIndex: 0, 'aria-label': 'Landmarks', 'data-cy': 'farnet-list',
      onkeydown: event => this.key(event) });
    this.told = h('div', { className: 'farnet-hint', 'data-cy': 'farnet-chosen' });
    const button = (action, text, title) =>
      h('button', { 'data-cy': `farnet-${action}`, title, onclick: () => this.actions[action](this.chosen) }, text);
    this.buttons = {
      place: button('place', 'Place', 'Then click on the image'),
      missing: button('missing', 'Missing', 'This landmark is not in the radiograph'),
      occluded: button('occluded', 'Occluded', 'It lies behind other anatomy; its place is inferred'),
      reset: button('reset', 'Reset', 'Back to where the model has put it'),
    };
    this.element = h('div', {},
      h('label', {}, 'Sorted by ', this.order), this.rows, this.told,
      h('div', { className: 'farnet-row' }, ...Object.values(this.buttons)));
    this.draw();
  }

  /** Show these landmarks. */
  show(items, definitions = new Map()) {
    this.items = items;
    this.definitions = definitions;
    this.draw();
  }

  draw() {
    const sorted = this.order.value === 'worst' && !this.frozen ? worstFirst(this.items) : this.items;
    this.rows.replaceChildren(...sorted.map(item => this.row(item)));
    const item = this.items.find(({ name }) => name === this.chosen);
    const { place, missing, occluded, reset } = this.buttons;
    place.disabled = !item;
    missing.disabled = !item || item.state === 'missing';
    occluded.disabled = !item || !isPlaced(item);
    occluded.textContent = item?.state === 'occluded' ? 'Visible' : 'Occluded';
    reset.disabled = !item?.predicted || (isPlaced(item) && !moved(item) && item.state === 'defined');
    this.told.textContent = item ? [item.name, this.definitions?.get(item.name)].filter(Boolean).join(': ') : '';
  }

  row(item) {
    const shift = moved(item);
    const told = {
      missing: 'missing',
      undefined: 'not placed',
      occluded: 'occluded',
      defined: shift ? `moved ${shift.toFixed(1)} px` : item.confidence == null ? 'placed' : `${Math.round(100 * item.confidence)} %`,
    }[item.state];
    const dot = h('span', { className: 'farnet-dot' });
    if (isPlaced(item)) dot.style.background = colour(item, Boolean(shift));
    const row = h('li', { role: 'option', 'aria-selected': String(item.name === this.chosen), 'data-landmark': item.name,
      title: this.definitions?.get(item.name) ?? '', onclick: () => this.choose(item.name) },
      dot, h('span', { className: 'name' }, item.name), h('span', { className: 'told' }, told));
    return row;
  }

  choose(name) {
    this.chosen = name;
    this.draw();
    this.rows.querySelector('[aria-selected=true]')?.scrollIntoView({ block: 'nearest' });
    this.actions.jump(name);
  }

  key(event) {
    const names = [...this.rows.children].map(row => row.dataset.landmark);
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && names.length) {
      const next = Math.min(names.length - 1, Math.max(0, names.indexOf(this.chosen) + step));
      this.choose(names[next]);
    } else if (event.key === 'Delete' && this.chosen) this.actions.missing(this.chosen);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}
