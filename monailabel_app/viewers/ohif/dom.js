/** Elements in plain DOM, and the one that React needs to let us have a place of our own. */

/** `h('button', {onclick, 'data-cy': 'x'}, 'text', child)`; text never becomes markup. */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(properties)) {
    if (key in element && !key.includes('-')) element[key] = value;
    else if (value != null) element.setAttribute(key, value);
  }
  element.append(...children.filter(child => child != null));
  return element;
}

/** A select whose options are replaced, the choice kept where it is still there. */
export function fill(select, values, chosen = select.value) {
  select.replaceChildren(...values.map(value => h('option', { value }, value)));
  if (values.includes(chosen)) select.value = chosen;
}

/**
 * A React element that hands its DOM node to `mount`, and null when the node goes.
 *
 * OHIF shares no React with extensions that it loads at run time. Up to React 18, which OHIF 3.13 has, an element is a plain
 * object with the mark 'react.element'. React 19 has another mark, and `ref` among the properties; nothing on a page
 * tells its version unless it shows `window.React`.
 */
export function ownElement(mount) {
  const latest = Number.parseInt(window.React?.version, 10) >= 19;
  const ref = node => mount(node);
  const style = { height: '100%', overflow: 'auto' };
  return {
    $$typeof: Symbol.for(latest ? 'react.transitional.element' : 'react.element'),
    type: 'div',
    key: null,
    ref: latest ? undefined : ref,
    props: latest ? { style, ref } : { style },
    _owner: null,
    _store: {},
  };
}
