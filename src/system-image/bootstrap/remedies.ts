/** What debootstrap said, and the log in which all that ran below it said the rest. */
export interface FailureWords {
  /** Its errors and warnings, oldest first, a line each. */
  readonly complaints: string;
  readonly log: string;
}

/** Why a bootstrap failed, as far as its words tell. */
export interface FailureCause {
  /** The line that tells it, where that stands in the log. */
  readonly line: string | undefined;
  readonly remedy: string;
}

interface Remedy {
  readonly in: keyof FailureWords;
  readonly pattern: RegExp;
  readonly remedy: string;
}

/**
 * What debootstrap itself says last follows from these. The first that fits counts: what dpkg says comes before what a
 * download said that was tried again, and what a package itself said before what others miss of it.
 */
const causes: readonly Remedy[] = [
  {
    in: "complaints",
    pattern: /invalid option|requires an argument|unsupported variant|please (?:pick|use only) one|only applies in/i,
    remedy: "check DEBOOTSTRAP_OPTS: debootstrap does not take these options together, or not in this version",
  },
  { in: "log", pattern: /No space left on device/i, remedy: "make room: see SCRATCH_DIR and CACHE_DIR" },
  {
    in: "complaints",
    pattern: /noexec or nodev/i,
    remedy: "choose a SCRATCH_DIR on which programs and devices work",
  },
  {
    in: "log",
    pattern: /Exec format error/i,
    remedy: "check ARCH: this node cannot run its programs; qemu-user-static brings an emulator",
  },
  {
    in: "log",
    pattern: /conflicting packages|conflicts with|trying to overwrite '/i,
    remedy:
      "check EXTRA_PKGS: two packages exclude each other; --exclude=NAME in DEBOOTSTRAP_OPTS leaves one of the base system out, and BOOTSTRAP=mmdebstrap chooses as apt does",
  },
  {
    in: "log",
    pattern: /script (?:subprocess )?returned error exit status|package (?:pre|post)-\w+ script subprocess/i,
    remedy: "look for what that package's script said in the log; without the package in EXTRA_PKGS it does not run",
  },
  {
    in: "log",
    pattern: /dependency problems prevent configuration of|dependency problems - leaving unconfigured/i,
    remedy:
      "name the package that is missing in EXTRA_PKGS (debootstrap takes the first alternative of a dependency only), or set BOOTSTRAP=mmdebstrap",
  },
  {
    in: "log",
    pattern: /(?:unable to|could not|couldn't) resolve (?:host|')|name resolution|name or service not known/i,
    remedy: "check MIRROR and PROXY, and the node's resolver: a name is not known",
  },
  {
    in: "log",
    pattern: /connection (?:refused|timed out|reset)|network is unreachable|no route to host/i,
    remedy: "check MIRROR and PROXY, and whether this node reaches the mirror",
  },
  {
    in: "log",
    pattern: /certificate (?:verify|verification|is not trusted|has expired)|unable to locally verify/i,
    remedy: "check the mirror's certificate, the node's clock and its package ca-certificates",
  },
  {
    in: "log",
    pattern: /\b40[137]:? (?:Proxy|Forbidden|Unauthorized)/i,
    remedy: "check PROXY and MIRROR: access was denied",
  },
  {
    in: "log",
    pattern: /EXPKEYSIG|KEYEXPIRED|NO_PUBKEY/,
    remedy:
      "check KEYRING: an old suite is signed by keys that are in debian-archive-removed-keys.gpg (package debian-archive-keyring)",
  },
];

/** By debootstrap's own messages (1.0.128 to 1.0.141); the order is that of the steps. */
const steps: readonly Remedy[] = [
  {
    in: "complaints",
    pattern: /getting release (?:signature )?file/i,
    remedy:
      "check MIRROR, PROXY and SUITE; MIRROR of a suite that is no longer supported is the archive of old releases",
  },
  {
    in: "complaints",
    pattern: /no entry for .*\/binary-|no valid components/i,
    remedy: "check ARCH and COMPONENTS: the mirror does not have them for this suite",
  },
  {
    in: "complaints",
    pattern: /target architecture/i,
    remedy: "check ARCH: this node cannot run its programs; qemu-user-static brings an emulator",
  },
  {
    in: "complaints",
    pattern: /asked to install suite/i,
    remedy: "check SUITE and MIRROR: the mirror calls this suite by another name",
  },
  {
    in: "complaints",
    pattern: /signed by|signature|keyring/i,
    remedy: "check KEYRING, and that the mirror is the one of this distribution",
  },
  {
    in: "complaints",
    pattern: /couldn't find these debs/i,
    remedy: "check EXTRA_PKGS and COMPONENTS: the mirror has no such packages in this suite",
  },
  {
    in: "complaints",
    pattern: /was corrupt/i,
    remedy:
      "what the mirror or a proxy gave is not what the index says: a mirror that was just being updated is whole again in an hour",
  },
  {
    in: "complaints",
    pattern: /getting|fetch|retriev|download|resolve/i,
    remedy: "check MIRROR, PROXY and SUITE, and whether this node reaches the mirror",
  },
];

/** The cause, looked for in all that was said; undefined where no words are known. */
export function causeOf(words: FailureWords): FailureCause | undefined {
  for (const { in: place, pattern, remedy } of [...causes, ...steps]) {
    const line = words[place].split("\n").find((text) => pattern.test(text));
    if (line !== undefined) return { line: place === "log" ? line.trim().slice(0, lineLength) : undefined, remedy };
  }
  return undefined;
}

const lineLength = 300;
