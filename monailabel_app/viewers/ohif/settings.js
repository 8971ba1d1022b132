/**
 * What is remembered: the server in the stock plugin's cookie and choices in the browser, from one day to the next;
 * and what the page that opens next shall know.
 */

const COOKIE = 'MONAILABEL_SERVER_URL';
const PREFIX = 'farnet.';
const YEAR_S = 31536000;

/** The server that these files came from. */
export function pluginServer() {
  return new URL('../../', import.meta.url).href;
}

/**
 * The server that was chosen last.
 * @param {string} otherwise
 */
export function chosenServer(otherwise) {
  const found = document.cookie.match(new RegExp(`(?:^|; )${COOKIE}=([^;]*)`));
  try {
    return found ? serverUrl(decodeURIComponent(found[1])) : otherwise;
  } catch {
    return otherwise; // not ours to read
  }
}

/** @param {string} url */
export function rememberServer(url) {
  document.cookie = `${COOKIE}=${encodeURIComponent(url)}; path=/; max-age=${YEAR_S}; SameSite=Lax`;
}

/**
 * The address that somebody has typed, with the slash that relative paths need.
 * @param {string} typed
 * @throws {Error} it is none.
 */
export function serverUrl(typed) {
  let url = null;
  try {
    url = new URL(typed.trim());
  } catch {
    // told below
  }
  if (!url || !/^https?:$/.test(url.protocol)) {
    throw new Error(`'${typed}' is no address of a server, such as http://127.0.0.1:8000/.`);
  }
  url.search = url.hash = '';
  return url.href.endsWith('/') ? url.href : `${url.href}/`;
}

/**
 * A remembered choice.
 * @param {string} name
 * @param {string} otherwise
 */
export function recall(name, otherwise = '') {
  try {
    return window.localStorage.getItem(PREFIX + name) ?? otherwise;
  } catch {
    return otherwise; // storage is switched off
  }
}

/** @param {string} name @param {string} value */
export function remember(name, value) {
  try {
    window.localStorage.setItem(PREFIX + name, value);
  } catch {
    // it is asked again next time
  }
}

/** Tells this browser from others where an annotator has given no name. */
export function browserId() {
  const id = recall('browser') || `OHIF-${Math.random().toString(36).slice(2, 10)}`;
  remember('browser', id);
  return id;
}

/**
 * Tell the next page of this tab something about an image.
 * @param {string} image
 * @param {string} sentence
 */
export function tellNextPage(image, sentence) {
  keepInTab('why', { image, sentence });
}

/**
 * What the page before has told about an image; empty where it told nothing.
 * @param {string | null} image
 */
export function toldBefore(image) {
  const told = keptInTab('why');
  return told && told.image === image ? told.sentence : '';
}

/**
 * Remember in this tab the image that was set aside last, and on which server.
 * @param {{image: string, server: string} | null} aside null where that was taken back.
 */
export function keepAside(aside) {
  keepInTab('aside', aside);
}

/** @returns {{image: string, server: string} | null} what was kept by {@link keepAside}. */
export function keptAside() {
  return keptInTab('aside');
}

function keepInTab(name, value) {
  try {
    window.sessionStorage.setItem(PREFIX + name, JSON.stringify(value));
  } catch {
    // storage is switched off: the next page does not know
  }
}

function keptInTab(name) {
  try {
    return JSON.parse(window.sessionStorage.getItem(PREFIX + name));
  } catch {
    return null;
  }
}
