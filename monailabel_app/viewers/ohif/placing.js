/** Placing landmarks by clicks, whatever tool is on the mouse. */
import { toPixel, viewportsOf } from './viewing.js';

/** On the page while clicks place: the mouse is a cross. */
const PLACING = 'farnet-placing';

/**
 * @param {import('./session.js').Session} session
 * @returns {() => void} ends it
 */
export function listenToClicks(session) {
  const clicked = event => {
    const shown = session.placing && event.button === 0 ? viewportUnder(session, event.target) : null;
    if (shown) {
      event.preventDefault();
      event.stopImmediatePropagation(); // else the tool on the mouse would begin something
      session.placeAt(shown, toPixel(shown, worldUnder(shown, event)));
    }
  };
  const stopListening = session.onChange(() => document.body.classList.toggle(PLACING, session.placing));
  window.addEventListener('mousedown', clicked, true);
  return () => {
    window.removeEventListener('mousedown', clicked, true);
    stopListening();
    document.body.classList.remove(PLACING);
  };
}

function viewportUnder({ services, image }, target) {
  return viewportsOf(services, image).find(({ viewport }) => viewport.element.contains(target));
}

function worldUnder({ viewport }, { clientX, clientY }) {
  const { left, top } = viewport.element.getBoundingClientRect();
  return viewport.canvasToWorld([clientX - left, clientY - top]);
}
