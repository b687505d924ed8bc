/** What `/metrics` tells, in Prometheus' text format 0.0.4. */
import type { Replica } from "@ioasis/replication";

export interface Counters {
  /** Connections that are open now. */
  readonly connections: number;
  readonly connectionsTotal: number;
  readonly claimsTotal: number;
}

export function metricsText(replica: Replica, { connections, connectionsTotal, claimsTotal }: Counters): string {
  const { journal } = replica;
  const contexts = journal.contexts();
  const ledgers = contexts.map(({ name }) => ({ name, ledger: replica.ledger(name) }));
  return [
    ...metric("ioasis_connections", "gauge", "Connections of other replicas open now.", [["", connections]]),
    ...metric("ioasis_connections_total", "counter", "Connections of other replicas accepted.", [
      ["", connectionsTotal],
    ]),
    ...metric("ioasis_claims_total", "counter", "Contexts claimed here.", [["", claimsTotal]]),
    ...metric(
      "ioasis_events",
      "gauge",
      "Events in a context's history.",
      contexts.map(({ name, head }) => [labels({ context: name }), head.version]),
    ),
    ...metric(
      "ioasis_acked_version",
      "gauge",
      "Newest version that a replica durably holds.",
      ledgers.flatMap(({ name, ledger }) =>
        [...ledger.acks()].map(([held, { version }]) => [labels({ context: name, replica: held }), version] as const),
      ),
    ),
    "",
  ].join("\n");
}

function metric(name: string, type: string, help: string, samples: readonly (readonly [string, number])[]): string[] {
  return [
    `# HELP ${name} ${help}`,
    `# TYPE ${name} ${type}`,
    ...samples.map(([label, value]) => `${name}${label} ${value}`),
  ];
}

function labels(values: Readonly<Record<string, string>>): string {
  const quoted = (value: string) => value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
  return `{${Object.entries(values)
    .map(([name, value]) => `${name}="${quoted(value)}"`)
    .join(",")}}`;
}
