// The API of this server. State changes carry the page token, which only a page of this server knows.
import { notice } from "./dom.js";

let pageToken = document.querySelector("meta[name=ringtail-page]").content;

/** Reads the page token of a restarted server. */
async function renew() {
  const page = await (await fetch("/")).text();
  const found = /name="ringtail-page" content="([\w-]+)"/.exec(page);
  if (found) pageToken = found[1];
  return Boolean(found);
}

async function ask(path, body, signal) {
  if (body === undefined) return fetch(`/api/v1${path}`, { signal });
  const headers = { "content-type": "application/json", "ringtail-page": pageToken };
  return fetch(`/api/v1${path}`, { method: "POST", headers, body: JSON.stringify(body), signal });
}

/** Calls the API: a GET, or a POST if there is a body. Throws {code, message, column}. */
export async function api(path, body, signal) {
  let response = await ask(path, body, signal);
  if (response.status === 403 && body !== undefined && (await renew())) response = await ask(path, body, signal);
  const answer = await response.json().catch(() => null);
  if (response.ok) return answer;
  const error = answer?.error || { message: `the server answered ${response.status}` };
  throw Object.assign(new Error(error.message), error);
}

/** Runs an action, and says what went wrong. */
export async function attempt(action) {
  try {
    return await action();
  } catch (error) {
    if (error.name !== "AbortError") notice(error.code ? `${error.code}: ${error.message}` : error.message);
    return undefined;
  }
}

/** Makes a query string of what is set. */
export function query(values) {
  const set = Object.entries(values).filter(([, value]) => value !== undefined && value !== null && value !== "" && value !== false);
  return set.length ? `?${new URLSearchParams(set.map(([key, value]) => [key, String(value)]))}` : "";
}
