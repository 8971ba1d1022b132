/**
 * Keys of the review, the same as in the module for 3D Slicer but for reset, whose Z is OHIF's zoom tool.
 * They work while the panel is on the screen and nobody types text.
 */

/** @type {Object<string, (session: import('./session.js').Session) => void>} */
const KEYS = {
  n: session => session.step(1),
  b: session => session.step(-1),
  a: session => session.accept(),
  p: session => session.place(),
  s: session => session.skip(),
  u: session => session.reset(),
  o: session => session.toggleOccluded(),
  w: session => session.showAll(),
};

/**
 * @param {import('./session.js').Session} session
 * @param {() => void} submit
 * @returns {() => void} ends it
 */
export function listenToKeys(session, submit) {
  const pressed = event => {
    const action = actionOf(event, session, submit);
    if (action) {
      event.preventDefault();
      event.stopImmediatePropagation(); // else OHIF's own meaning of the key
      action();
    }
  };
  window.addEventListener('keydown', pressed, true);
  return () => window.removeEventListener('keydown', pressed, true);
}

function actionOf(event, session, submit) {
  const { key, target, ctrlKey, metaKey, altKey, shiftKey } = event;
  if (
    !session.rows.length ||
    target.closest?.('input:not([type=checkbox]), textarea, select, [contenteditable], [role=dialog]')
  ) {
    return null;
  }
  if ((ctrlKey || metaKey) && !altKey && key === 'Enter') {
    return submit;
  }
  if (ctrlKey || metaKey || altKey || shiftKey) {
    return null;
  }
  if (key === 'Escape') {
    return session.placing ? () => session.stopPlacing() : null;
  }
  const action = KEYS[key.toLowerCase()];
  return action ? () => action(session) : null;
}
