/** Random requests against a map from addresses to numbers that knows nothing of the model. */
import fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { VirtioIommuCommand } from "./commands.ts";
import type { Implementation } from "./environment.ts";
import { Model } from "./testing/model.ts";

const test = suite("virtio-iommu, random requests");

const DOMAINS = [0, 1, 2];
const ENDPOINTS = [8, 24, 99];

/** One mapping: its addresses, in pages. */
interface Mapping {
  readonly first: number;
  readonly last: number;
}

/** Endpoint to domain, domain to its kind and mappings. Every look-up walks over everything. */
class Naive {
  readonly at = new Map<number, number>();
  readonly domains = new Map<number, { readonly bypass: boolean; mappings: Mapping[] }>();
  readonly isQemu: boolean;
  readonly met = new Set<number>();

  constructor(implementation: Implementation) {
    this.isQemu = implementation === "qemu";
  }

  answer(command: VirtioIommuCommand): string {
    switch (command.command) {
      case "AttachEndpoint":
        return this.attach(command.domain, command.endpoint, command.flags === 1);
      case "DetachEndpoint":
        return this.detach(command.domain, command.endpoint);
      case "MapRange":
      case "UnmapRange": {
        const domain = this.domains.get(command.domain);
        if (domain === undefined) return "NOENT";
        if (domain.bypass) return "INVAL";
        const range = { first: Number(command.virtStart >> 12n), last: Number(command.virtEnd >> 12n) };
        return command.command === "MapRange" ? map(domain, range) : this.unmap(domain, range);
      }
      default:
        throw new Error(command.command);
    }
  }

  attach(domain: number, endpoint: number, bypass: boolean): string {
    if (this.isQemu && endpoint === 99) return "NOENT";
    const isOther = () => (this.domains.get(domain)?.bypass ?? bypass) !== bypass;
    if (!this.isQemu && isOther()) return "INVAL";
    if (!this.isQemu && this.at.get(endpoint) === domain) return "OK";
    this.met.add(endpoint);
    this.leave(endpoint);
    if (isOther()) return "INVAL";
    if (!this.domains.has(domain)) this.domains.set(domain, { bypass, mappings: [] });
    this.at.set(endpoint, domain);
    return "OK";
  }

  detach(domain: number, endpoint: number): string {
    if (this.isQemu && !this.met.has(endpoint)) return "NOENT";
    if (this.isQemu && this.at.get(endpoint) !== domain) return "INVAL";
    if (this.at.get(endpoint) === domain) this.leave(endpoint);
    else {
      this.at.delete(endpoint);
      if (![...this.at.values()].includes(domain)) this.domains.delete(domain);
    }
    return "OK";
  }

  leave(endpoint: number): void {
    const old = this.at.get(endpoint);
    this.at.delete(endpoint);
    if (old !== undefined && ![...this.at.values()].includes(old)) this.domains.delete(old);
  }

  unmap(domain: { mappings: Mapping[] }, { first, last }: Mapping): string {
    const touched = domain.mappings.filter((one) => one.first <= last && first <= one.last);
    const stuck = touched.filter((one) => one.first < first || one.last > last);
    const lowest = Math.min(...stuck.map((one) => one.first));
    const gone = touched.filter((one) => (this.isQemu ? one.first < lowest : stuck.length === 0));
    domain.mappings = domain.mappings.filter((one) => !gone.includes(one));
    return stuck.length === 0 ? "OK" : "RANGE";
  }
}

function map(domain: { mappings: Mapping[] }, range: Mapping): string {
  if (domain.mappings.some((one) => one.first <= range.last && range.first <= one.last)) return "INVAL";
  domain.mappings.push(range);
  return "OK";
}

const domain = fc.constantFrom(...DOMAINS);
const endpoint = fc.constantFrom(...ENDPOINTS);
const range = fc.tuple(fc.nat(15), fc.nat(4)).map(([page, more]) => ({
  virtStart: BigInt(page) << 12n,
  virtEnd: (BigInt(page + more + 1) << 12n) - 1n,
}));
const request: fc.Arbitrary<VirtioIommuCommand> = fc.oneof(
  fc.record({
    command: fc.constant("AttachEndpoint" as const),
    domain,
    endpoint,
    flags: fc.constantFrom(0, 0, 0, 1),
  }),
  fc.record({ command: fc.constant("DetachEndpoint" as const), domain, endpoint }),
  fc
    .record({ domain, range })
    .map(
      ({ domain: at, range: where }) =>
        ({ command: "MapRange", domain: at, ...where, physStart: 0n, flags: 3 }) as const,
    ),
  fc
    .record({ domain, range })
    .map(({ domain: at, range: where }) => ({ command: "UnmapRange", domain: at, ...where }) as const),
);

for (const implementation of ["qemu", "cloud-hypervisor"] as const)
  test(`${implementation} answers as the naive map does, and holds what it holds`, () => {
    let accepted = 0;
    fc.assert(
      fc.property(fc.array(request, { minLength: 20, maxLength: 60 }), (requests) => {
        const model = new Model({ implementation });
        const naive = new Naive(implementation);
        for (const one of requests) {
          const { status } = model.run(one);
          assert.is(
            status,
            naive.answer(one),
            JSON.stringify(one, (_, v) => (typeof v === "bigint" ? `${v}` : v)),
          );
          if (status === "OK") accepted++;
          for (const number of DOMAINS) {
            const mappings = naive.domains.get(number)?.mappings ?? null;
            const pages = mappings && [...mappings].sort((a, b) => a.first - b.first);
            assert.equal(
              model.mappings(number),
              pages?.map(({ first, last }) => [BigInt(first) << 12n, (BigInt(last + 1) << 12n) - 1n]) ?? null,
            );
          }
        }
      }),
      { numRuns: 200 },
    );
    assert.ok(accepted > 1000, `${accepted} requests were accepted`);
  });

test.run();
