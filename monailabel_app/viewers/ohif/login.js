/** Who is logged in. A token goes only to servers that may have it. */

const KEPT = 'farnet.token ';

export class Login {
  /**
   * @param {object} ohif OHIF's userAuthenticationService.
   * @param {string[]} trusted addresses of servers that OHIF's own token may be sent to.
   */
  constructor(ohif, trusted) {
    this.ohif = ohif;
    this.trusted = new Set(trusted.map(url => new URL(url).origin));
  }

  /**
   * The `Authorization` header for a server: of the login in our panel, else of OHIF's own; undefined where nobody is
   * logged in.
   * @param {string} url
   * @returns {string | undefined}
   */
  header(url) {
    const { origin } = new URL(url);
    const token = window.sessionStorage.getItem(KEPT + origin);
    if (token) {
      return `Bearer ${token}`;
    }
    return this.trusted.has(origin) ? this.ohif?.getAuthorizationHeader?.()?.Authorization : undefined;
  }

  /**
   * Keep a token until the tab is closed.
   * @param {string} url
   * @param {string} token
   */
  keep(url, token) {
    window.sessionStorage.setItem(KEPT + new URL(url).origin, token);
  }

  /** @param {string} url */
  forget(url) {
    window.sessionStorage.removeItem(KEPT + new URL(url).origin);
  }
}
