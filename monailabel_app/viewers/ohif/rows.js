/** The table of landmarks: name, confidence and radius, and where each stands on its way to a label. */
import { element } from './dom.js';
import { colourOf } from './drawing.js';
import { isLeft, statusOf, statusText } from './review.js';
import { radiusText, trustText } from './trust.js';

/** Drawn anew many times a second during a drag: only what differs is touched. */
export class LandmarkTable {
  /** @type {Map<string, object>} the parts of each row by the landmark's name */
  #parts = new Map();
  #current = null;

  /** @param {(name: string) => void} chosen called with a landmark's name when its row is chosen. */
  constructor(chosen) {
    this.chosen = chosen;
    this.body = element('tbody');
    const head = ['Landmark', 'Conf.', 'State'].map(text => element('th', { scope: 'col' }, text));
    const table = element(
      'table',
      { aria: { label: 'Landmarks' } },
      element('thead', {}, element('tr', {}, ...head)),
      this.body,
    );
    this.node = element('div', { cy: 'table', className: 'farnet-table' }, table);
  }

  /**
   * @param {import('./review.js').Row[]} rows
   * @param {string | null} current name of the current one
   */
  draw(rows, current) {
    const names = new Set(rows.map(({ name }) => name));
    [...this.#parts.keys()].filter(name => !names.has(name)).forEach(name => this.#parts.delete(name));
    const lines = rows.map(row => this.#draw(row, row.name === current));
    if (lines.length !== this.body.children.length || lines.some((line, index) => line !== this.body.children[index])) {
      this.body.replaceChildren(...lines);
    }
    if (current !== this.#current) {
      this.#current = current;
      this.#parts.get(current)?.line.scrollIntoView({ block: 'nearest' });
    }
  }

  #draw(row, isCurrent) {
    const parts = this.#parts.get(row.name) ?? this.#make(row);
    const { line, name, dot, confidence, state } = parts;
    const [sure, radius] = [row.confidence?.toFixed(2) ?? '', radiusText(row)];
    const look = [colourOf(row), sure, radius, statusText(row), isCurrent].join('|');
    if (look !== parts.look) {
      parts.look = look;
      dot.style.background = colourOf(row);
      confidence.replaceChildren(sure, ...(radius ? [element('div', { className: 'farnet-radius' }, radius)] : []));
      confidence.title = trustText(row);
      state.textContent = statusText(row);
      state.className = isLeft(row) ? 'farnet-left' : 'farnet-decided';
      line.dataset.state = statusOf(row);
      name.setAttribute('aria-current', String(isCurrent));
      line.classList.toggle('farnet-current', isCurrent);
    }
    return line;
  }

  #make(row) {
    const dot = element('span', { className: 'farnet-dot', aria: { hidden: 'true' } });
    const name = element('button', { type: 'button', className: 'farnet-name' }, dot, row.name);
    const confidence = element('td', { className: 'farnet-number' });
    const state = element('td');
    const line = element(
      'tr',
      { cy: 'row', title: row.definition, on: { click: () => this.chosen(row.name) } },
      element('td', {}, name),
      confidence,
      state,
    );
    line.dataset.landmark = row.name;
    const parts = { line, name, dot, confidence, state, look: '' };
    this.#parts.set(row.name, parts);
    return parts;
  }
}
