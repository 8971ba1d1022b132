/** A panel of plain DOM inside OHIF's React, whose React this module cannot import. */

const FIRST_SYMBOL = 'react.element';
const REACT_19_SYMBOL = Symbol.for('react.transitional.element');

/**
 * A function component that React shows as one `div`, filled by `mount`.
 *
 * React knows elements by a symbol, another one since version 19. It is read off an element that OHIF itself makes: the
 * component of its study list is a function that only creates one. Where that fails, React is taken for 16 to 18.
 *
 * @param {object} extensionManager OHIF's.
 * @param {(node: HTMLElement) => (() => void)} mount fills the node, returns what empties it.
 * @returns {() => object}
 */
export function domElement(extensionManager, mount) {
  let unmount = null;
  // one function for all renderings, else React would take the panel down and up again with each
  const ref = node => {
    unmount?.();
    unmount = node ? mount(node) : null;
  };
  return () => {
    const symbol = elementSymbol(extensionManager);
    const isProp = symbol === REACT_19_SYMBOL;
    const props = { className: 'farnet-root', ...(isProp ? { ref } : {}) };
    return { $$typeof: symbol, type: 'div', key: null, ref: isProp ? null : ref, props, _owner: null, _store: {} };
  };
}

function elementSymbol(extensionManager) {
  try {
    const { component } = extensionManager.getModuleEntry('@ohif/extension-default.panelModule.seriesList');
    return component({}).$$typeof ?? Symbol.for(FIRST_SYMBOL);
  } catch {
    return Symbol.for(FIRST_SYMBOL);
  }
}
