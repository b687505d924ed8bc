/** What differs between generations of the iommufd driver. The rest of the rules hold for all of them. */
import { IoasisError } from "../failure.ts";

export interface KernelProfile {
  /** The first release that behaves so. */
  readonly release: string;
  /** pages.c iopt_alloc_user_pages: whether va + length is looked at before the length alone. */
  readonly checksWrapBeforeLength: boolean;
  /** selftest.c mock_dev_create: the device flags that the self-test knows. */
  readonly mockDeviceFlags: number;
  /** virtio-iommu.c viommu_domain_finalise: the aperture is [0, 0] until a device is attached. */
  readonly finalisesVirtioAtAttach: boolean;
}

/** Oldest first. Each is backed by recordings of that release. */
const PROFILES: readonly KernelProfile[] = [
  { release: "6.12", checksWrapBeforeLength: false, mockDeviceFlags: 0b011, finalisesVirtioAtAttach: true },
  { release: "7.3", checksWrapBeforeLength: true, mockDeviceFlags: 0b101, finalisesVirtioAtAttach: false },
];

/**
 * The newest profile that is not newer than a release string ("6.12", "6.12.107-1-amd64").
 * @throws IoasisError ERR_INPUT for a kernel older than every profile, or a string that is no release
 */
export function kernelProfile(release: string): KernelProfile {
  const wanted = releaseNumber(release);
  const profile = PROFILES.findLast((known) => releaseNumber(known.release) <= wanted);
  if (profile !== undefined && wanted > 0) return profile;
  const names = PROFILES.map((known) => known.release).join(", ");
  throw new IoasisError("ERR_INPUT", `no model of kernel "${release}": name one of ${names} or newer`, {
    kernel: release,
  });
}

/** 6.12.107 is 6012; 0 for what is no release. */
function releaseNumber(release: string): number {
  const match = /^(\d+)\.(\d+)/.exec(release);
  return match === null ? 0 : Number(match[1]) * 1000 + Number(match[2]);
}
