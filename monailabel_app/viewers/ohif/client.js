/** Requests to a MONAI Label server. */

export class ServerError extends Error {
  /**
   * @param {string} message a sentence that an annotator reads.
   * @param {number} status of HTTP; 0 where no answer came.
   */
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

export class Client {
  /**
   * @param {string} url of the server, with a slash at its end.
   * @param {import('./login.js').Login} login
   */
  constructor(url, login) {
    this.url = url;
    this.login = login;
    this.loginWanted = false;
  }

  /** What the server has: models, trainers with their landmark sets, strategies, numbers. */
  info() {
    return this.#json('GET', 'info/');
  }

  /**
   * The landmarks that a model finds on an image.
   * @param {string} model
   * @param {string} image
   */
  predict(model, image) {
    return this.#json('POST', `infer/${encodeURIComponent(model)}`, { image, output: 'json' }, form({ params: '{}' }));
  }

  /**
   * The label that is stored of an image: submitted, else predicted, else none.
   * @param {string} image
   */
  stored(image) {
    return this.#json('GET', 'landmarks', { image });
  }

  /**
   * Submit a label.
   * @param {string} image
   * @param {object} label
   * @param {object} params noted with it.
   */
  submit(image, label, params) {
    const file = new File([JSON.stringify(label)], 'landmarks.json', { type: 'application/json' });
    const body = form({ params: JSON.stringify(params), label: file });
    return this.#json('PUT', 'datastore/label', { image, tag: 'final' }, body);
  }

  /**
   * The next image to annotate, and why it; without an `id` where none is left.
   * @param {string} strategy
   * @param {string} model whose doubts count
   * @param {string} asker who asks
   */
  nextSample(strategy, model, asker) {
    return this.#json('POST', `activelearning/${encodeURIComponent(strategy)}`, {}, { model, client_id: asker });
  }

  /**
   * Set an image aside.
   * @param {string} image
   * @param {'defer' | 'reject'} decision
   * @param {string} reason
   * @param {string} asker who says so
   */
  decide(image, decision, reason, asker) {
    return this.#json('PUT', 'activelearning/decision', { image }, { decision, reason, client_id: asker });
  }

  /**
   * Take back that an image was set aside, and go on working on it; the answer says where it is.
   * @param {string} image
   * @param {string} asker who says so
   */
  takeBack(image, asker) {
    const asked = { decision: 'none', working: true, client_id: asker };
    return this.#json('PUT', 'activelearning/decision', { image }, asked);
  }

  /** @param {string} model */
  train(model) {
    return this.#json('POST', `train/${encodeURIComponent(model)}`, {}, {});
  }

  stopTraining() {
    return this.#json('DELETE', 'train/');
  }

  /** Whether a training runs; the server answers 404 where none does. */
  async isTraining() {
    try {
      return (await this.#json('GET', 'train/', { check_if_running: 'true' })).status === 'RUNNING';
    } catch (error) {
      if (error.status === 404) {
        return false;
      }
      throw error;
    }
  }

  /**
   * Log in with the server's own users.
   * @param {string} username
   * @param {string} password
   */
  async logIn(username, password) {
    this.login.forget(this.url);
    const body = new URLSearchParams({ username, password });
    const answer = await this.#json('POST', 'auth/token', {}, body).catch(() => {
      // for a wrong password, MONAI Label 0.8.5 answers 500, and without the header that lets a page read that
      throw new ServerError('The server did not log you in: check name and password.', 401);
    });
    this.login.keep(this.url, answer.access_token);
  }

  /** The JSON of an answer; a token is sent once the server has asked for one. */
  async #json(method, path, query = {}, body = undefined) {
    const answer = await this.#send(method, path, query, body);
    if (answer.status !== 401) {
      return content(answer);
    }
    const asked = this.loginWanted;
    this.loginWanted = true;
    return content(asked || !this.login.header(this.url) ? answer : await this.#send(method, path, query, body));
  }

  async #send(method, path, query, body) {
    const url = new URL(path, this.url);
    Object.entries(query).forEach(([key, value]) => url.searchParams.set(key, value));
    const headers = { accept: 'application/json' };
    const token = this.loginWanted && this.login.header(this.url);
    if (token) {
      headers.authorization = token;
    }
    const isData = body && Object.getPrototypeOf(body) === Object.prototype;
    if (isData) {
      headers['content-type'] = 'application/json';
    }
    try {
      return await fetch(url, { method, headers, body: isData ? JSON.stringify(body) : body });
    } catch {
      throw new ServerError(`The MONAI Label server ${this.url} does not answer: is it running?`, 0);
    }
  }
}

function form(fields) {
  const data = new FormData();
  Object.entries(fields).forEach(([name, value]) => data.set(name, value));
  return data;
}

async function content(answer) {
  const text = await answer.text();
  let document = null;
  try {
    document = JSON.parse(text);
  } catch {
    // told below
  }
  if (!answer.ok) {
    throw new ServerError(
      sentence(document) ?? `The server answers ${answer.status} ${answer.statusText}.`,
      answer.status,
    );
  }
  if (document === null) {
    throw new ServerError('What answers at this address is no MONAI Label server.', answer.status);
  }
  return document;
}

function sentence(document) {
  const detail = document?.detail;
  return Array.isArray(detail) ? detail[0]?.msg : typeof detail === 'string' ? detail : undefined;
}
