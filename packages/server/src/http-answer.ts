/** Answers to plain HTTP requests: what to say, without saying it. */
import { IoasisError } from "@ioasis/core";

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface HttpAnswers {
  readonly contexts: () => unknown;
  readonly metrics: () => string;
  readonly replica: string;
}

/** `path`: of the URL, without the query. */
export function answerTo(method: string, path: string, answers: HttpAnswers): HttpAnswer {
  const answer = Object.hasOwn(ROUTES, path) ? ROUTES[path] : undefined;
  if (answer === undefined)
    return failure(
      404,
      "ERR_INPUT",
      `nothing is at ${path}: there are /healthz, /contexts, /metrics and the WebSocket at /`,
    );
  if (method !== "GET" && method !== "HEAD")
    return failure(405, "ERR_USAGE", `${path} only answers GET, not ${method}`, { allow: "GET, HEAD" });
  try {
    return answer(answers);
  } catch (error) {
    // A damaged journal or a failing disk: the service stays up and says so.
    if (error instanceof IoasisError) return failure(503, error.code, error.message);
    throw error;
  }
}

const ROUTES: Readonly<Record<string, (answers: HttpAnswers) => HttpAnswer>> = {
  "/": () =>
    failure(426, "ERR_PROTOCOL", "this is a WebSocket for replication and migration: use ioasis migrate --to", {
      upgrade: "websocket",
      connection: "Upgrade",
    }),
  "/healthz": ({ replica }) => json(200, { ok: true, replica }),
  "/contexts": ({ contexts }) => json(200, contexts()),
  "/metrics": ({ metrics }) => ({
    status: 200,
    headers: { "content-type": "text/plain; version=0.0.4; charset=utf-8" },
    body: metrics(),
  }),
};

export function failure(
  status: number,
  code: string,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): HttpAnswer {
  const answer = json(status, { error: { code, message, at: {} } });
  return { ...answer, headers: { ...answer.headers, ...headers } };
}

function json(status: number, value: unknown): HttpAnswer {
  return { status, headers: { "content-type": "application/json; charset=utf-8" }, body: `${JSON.stringify(value)}\n` };
}
