/** The top of the panel: which server, and a login where it wants one. */
import { button, element } from './dom.js';
import { serverUrl } from './settings.js';

export class ServerForm {
  /**
   * @param {import('./session.js').Session} session
   * @param {() => void} connected called when a server has answered.
   */
  constructor(session, connected) {
    this.session = session;
    this.connected = connected;
    this.node = this.#address();
    this.login = this.#login();
  }

  draw() {
    this.login.hidden = !this.session.loginNeeded;
  }

  /** Ask a server. @param {string} typed its address */
  connect(typed) {
    this.session.attempt(async () => {
      const url = serverUrl(typed);
      this.url.value = url;
      this.links.info.href = new URL('info/', url).href;
      this.links.logs.href = new URL('logs/?lines=100', url).href;
      await this.session.connect(url);
      if (this.session.info) {
        this.connected();
      }
    });
  }

  #address() {
    this.url = element('input', {
      cy: 'server',
      type: 'url',
      spellcheck: false,
      aria: { label: 'Address of the MONAI Label server' },
    });
    const reconnect = button('connect', '↻', 'Connect to this server', () => {}, {
      type: 'submit',
      ariaLabel: 'Connect',
    });
    const link = (cy, text) => element('a', { cy, target: '_blank', rel: 'noopener noreferrer', textContent: text });
    this.links = { info: link('info', 'Info'), logs: link('logs', 'Logs') };
    const form = element('form', { className: 'farnet-line' }, this.url, reconnect);
    form.addEventListener('submit', event => {
      event.preventDefault();
      this.connect(this.url.value);
    });
    return element(
      'section',
      { aria: { label: 'Server' } },
      element('h3', {}, 'MONAI Label Server'),
      form,
      element('div', { className: 'farnet-links' }, this.links.info, ' | ', this.links.logs),
    );
  }

  #login() {
    const name = element('input', {
      cy: 'username',
      autocomplete: 'username',
      placeholder: 'User',
      aria: { label: 'User' },
    });
    const password = element('input', {
      cy: 'password',
      type: 'password',
      autocomplete: 'current-password',
      placeholder: 'Password',
      aria: { label: 'Password' },
    });
    const login = element(
      'form',
      { cy: 'login', className: 'farnet-line', hidden: true },
      name,
      password,
      button('log-in', 'Log in', 'Log in at this server', () => {}, { type: 'submit' }),
    );
    login.addEventListener('submit', event => {
      event.preventDefault();
      this.session.attempt(async () => {
        await this.session.client.logIn(name.value, password.value);
        password.value = '';
        this.connect(this.session.client.url);
      });
    });
    return login;
  }
}
