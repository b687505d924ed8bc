/** Set by the bundler to the version of the package. */
declare const IOASIS_VERSION: string | undefined;

export const VERSION = typeof IOASIS_VERSION === "string" ? IOASIS_VERSION : "from a checkout";
