/** Setting an image aside, and the next sample: later, or never and why. */
import { button, element } from './dom.js';

const MOST_LETTERS = 500;

export class Aside {
  #image = null;

  /** @param {import('./session.js').Session} session */
  constructor(session) {
    this.session = session;
    this.later = button('later', 'Later', 'Set this radiograph aside for another day, and open the next', () =>
      session.setAside('defer'),
    );
    this.reject = button('reject', 'Reject…', 'It is not to be annotated; say why, and open the next', () =>
      this.#ask(this.form.hidden),
    );
    this.back = button('take-back', 'Take Back', 'Open the radiograph that was set aside last: it is to be annotated', () =>
      session.takeBack(),
    );
    this.form = this.#form();
  }

  draw() {
    const { image, busy, canTakeBack } = this.session;
    if (image !== this.#image) {
      this.#image = image;
      this.#ask(false);
    }
    this.later.disabled = this.reject.disabled = this.confirm.disabled = !image || busy;
    this.back.hidden = !canTakeBack;
    this.back.disabled = busy;
  }

  #form() {
    this.reason = element('input', {
      cy: 'reject-reason',
      required: true,
      maxLength: MOST_LETTERS,
      placeholder: 'Why: blurred, wrong view, …',
      aria: { label: 'Why this radiograph is not to be annotated' },
      on: { keydown: ({ key }) => key === 'Escape' && this.#ask(false) },
    });
    this.confirm = button('reject-confirm', 'Reject', 'Nobody will be asked to annotate it', () => {}, {
      type: 'submit',
    });
    const form = element('form', { className: 'farnet-line', hidden: true }, this.reason, this.confirm);
    form.addEventListener('submit', event => {
      event.preventDefault();
      const reason = this.reason.value.trim();
      if (reason) {
        this.session.setAside('reject', reason);
      }
    });
    return form;
  }

  /** Show or hide the question why. */
  #ask(shown) {
    this.form.hidden = !shown;
    this.reject.setAttribute('aria-expanded', String(shown));
    this.reason.value = '';
    if (shown) {
      this.reason.focus();
    }
  }
}
