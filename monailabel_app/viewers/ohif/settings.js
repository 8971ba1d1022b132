/** What is remembered from one day to the next: the server in the stock plugin's cookie, the rest in the browser. */

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
