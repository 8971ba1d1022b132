/** Elements of the panel. Text goes in as text, never as HTML: names come from files and servers. */

/**
 * An element.
 * @param {string} tag
 * @param {object} [properties] of the element; `cy` is its name for tests, `on` its listeners by event, `aria` by name.
 * @param {...(Node | string)} children
 * @returns {HTMLElement}
 */
export function element(tag, { cy, on = {}, aria = {}, ...properties } = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  if (cy) {
    made.dataset.cy = `farnet-${cy}`;
  }
  Object.entries(on).forEach(([event, listener]) => made.addEventListener(event, listener));
  Object.entries(aria).forEach(([name, value]) => made.setAttribute(`aria-${name}`, value));
  made.append(...children);
  return made;
}

/**
 * A button.
 * @param {string} cy
 * @param {string} text
 * @param {string} title
 * @param {() => void} click
 * @param {object} [more] properties
 */
export function button(cy, text, title, click, more = {}) {
  return element('button', { cy, type: 'button', textContent: text, title, on: { click }, ...more });
}

/**
 * A choice with its name before it.
 * @param {string} cy
 * @param {string} text
 * @param {(value: string) => void} chosen
 * @returns {{field: HTMLElement, select: HTMLSelectElement}}
 */
export function choice(cy, text, chosen) {
  const select = element('select', { cy, on: { change: () => chosen(select.value) } });
  return { field: element('label', { className: 'farnet-field' }, element('span', {}, text), select), select };
}

/**
 * Put options into a choice, where they are not there already.
 * @param {HTMLSelectElement} select
 * @param {[string, string, string?][]} options value, text and, where there is one, title of each
 * @param {string} value the chosen one
 */
export function fill(select, options, value) {
  const wanted = options.map(([key, text, title = '']) => [key, text, title]);
  const present = [...select.options].map(option => [option.value, option.text, option.title]);
  if (JSON.stringify(present) !== JSON.stringify(wanted)) {
    select.replaceChildren(...wanted.map(([key, text, title]) => Object.assign(new Option(text, key), { title })));
  }
  select.value = value;
}

/**
 * A bar with its name before it and a figure on it.
 * @param {string} cy
 * @param {string} text
 */
export function bar(cy, text) {
  const done = element('div', { className: 'farnet-bar-done' });
  const figure = element('span', { className: 'farnet-bar-figure' });
  const whole = element(
    'div',
    { cy, className: 'farnet-bar', role: 'progressbar', aria: { label: text } },
    done,
    figure,
  );
  const field = element('div', { className: 'farnet-field' }, element('span', {}, text), whole);
  return {
    field,
    /** @param {number} share 0 to 1 @param {string} words what the figure says @param {string} title in full */
    set(share, words, title) {
      const percent = Math.round(100 * Math.min(1, Math.max(0, share || 0)));
      done.style.width = `${percent}%`;
      figure.textContent = words;
      field.title = title;
      whole.setAttribute('aria-valuenow', String(percent));
      whole.setAttribute('aria-valuetext', title);
    },
  };
}
