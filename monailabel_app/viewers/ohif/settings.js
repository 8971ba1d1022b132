/** What the panel remembers: the server as the stock plugin does, in a cookie; the rest in the browser's store. */

const SERVER = 'MONAILABEL_SERVER_URL';

export function rememberedServer() {
  const found = document.cookie.match(`(?:^|; )${SERVER}=([^;]*)`);
  return found ? decodeURIComponent(found[1]) : null;
}

export function rememberServer(url) {
  document.cookie = `${SERVER}=${encodeURIComponent(url)}; path=/; max-age=31536000; SameSite=Lax`;
}

export const remembered = key => localStorage.getItem(`farnet.${key}`) ?? '';

export const remember = (key, value) => localStorage.setItem(`farnet.${key}`, value);
