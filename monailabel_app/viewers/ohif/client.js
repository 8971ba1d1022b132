/** The MONAI Label server: one method a request, and its own sentence when it refuses one. */

const TOKEN = 'FARNET_TOKEN';

/** A refusal; `message` is the server's sentence. */
export class ServerError extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

export class Client {
  /**
   * @param {string} url address of the server, absolute or relative to the page
   * @param {object} [authentication] OHIF's userAuthenticationService
   */
  constructor(url, authentication) {
    this.url = new URL(url.endsWith('/') ? url : `${url}/`, location.href).href;
    this.authentication = authentication;
  }

  info() {
    return this.call('GET', 'info/');
  }

  /** The prediction for an image of the studies: `{model, version, landmarks: [{name, x, y, confidence, state}]}`. */
  infer(model, image) {
    return this.call('POST', `infer/${encodeURIComponent(model)}`, {
      query: { image, output: 'json' },
      form: { params: '{}' },
    });
  }

  /** What is stored for an image: `{tag: 'final' | 'original' | null, info, landmarks}`. */
  stored(image, model) {
    return this.call('GET', 'landmarks', { query: { image, model } });
  }

  /** @param {object[]} landmarks as `stored` gives them @param {object} params `model` and `client_id` */
  submit(image, landmarks, params) {
    const label = new Blob([JSON.stringify({ landmarks })], { type: 'application/json' });
    return this.call('PUT', 'datastore/label', {
      query: { image, tag: 'final' },
      form: { params: JSON.stringify(params), label: [label, 'landmarks.json'] },
    });
  }

  nextSample(strategy, params) {
    return this.call('POST', `activelearning/${encodeURIComponent(strategy)}`, { json: params });
  }

  train(model) {
    return this.call('POST', `train/${encodeURIComponent(model)}`, { json: {} });
  }

  stopTraining() {
    return this.call('DELETE', 'train/');
  }

  async isTraining() {
    try {
      await this.call('GET', 'train/', { query: { check_if_running: 'true' } });
      return true;
    } catch (error) {
      if (error.status === 404) return false; // how MONAI Label says that nothing runs
      throw error;
    }
  }

  /** A token typed by the user; for this browser tab only, and for OHIF's own requests too. */
  useToken(token) {
    sessionStorage.setItem(TOKEN, token);
    lendToken(this.authentication);
  }

  async call(method, path, { query = {}, form, json } = {}) {
    const address = new URL(path, this.url);
    Object.entries(query).forEach(([key, value]) => address.searchParams.set(key, value));
    const headers = { accept: 'application/json', ...authorization(this.authentication) };
    let body;
    if (form) {
      body = new FormData();
      Object.entries(form).forEach(([key, value]) => body.append(key, ...[value].flat()));
    } else if (json) {
      body = JSON.stringify(json);
      headers['content-type'] = 'application/json';
    }
    let response;
    try {
      response = await fetch(address, { method, headers, body });
    } catch {
      throw new ServerError(`The MONAI Label server ${this.url} does not answer: is it running?`, 0);
    }
    const text = await response.text();
    const answer = parsed(text);
    if (response.ok) return answer;
    throw new ServerError(sentence(answer) ?? `The server refused with status ${response.status}.`, response.status);
  }
}

/** Let OHIF send the typed token too, where it has no login of its own. */
export function lendToken(authentication) {
  const token = sessionStorage.getItem(TOKEN);
  if (!token || !authentication?.setServiceImplementation || ownHeader(authentication)) return;
  authentication.setServiceImplementation({ getAuthorizationHeader: () => ({ Authorization: `Bearer ${token}` }) });
}

function authorization(authentication) {
  const token = sessionStorage.getItem(TOKEN);
  return ownHeader(authentication) ?? (token ? { Authorization: `Bearer ${token}` } : {});
}

function ownHeader(authentication) {
  const header = authentication?.getAuthorizationHeader?.();
  return header?.Authorization ? { Authorization: header.Authorization } : undefined;
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function sentence(answer) {
  const detail = answer?.detail;
  if (typeof detail === 'string') return detail;
  return Array.isArray(detail) ? detail.map(fault => `${fault.loc?.at(-1)}: ${fault.msg}`).join('; ') : undefined;
}
