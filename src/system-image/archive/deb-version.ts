/**
 * Compares two versions as dpkg does (deb-version(7)): epoch, then upstream version, then revision. Negative when `a`
 * is older, 0 when both are the same version. `dpkg --compare-versions` would take a process for each pair.
 */
export function compareDebVersions(a: string, b: string): number {
  const [left, right] = [parsed(a), parsed(b)];
  return (
    left.epoch - right.epoch ||
    compareParts(left.upstream, right.upstream) ||
    compareParts(left.revision, right.revision)
  );
}

interface DebVersion {
  readonly epoch: number;
  readonly upstream: string;
  readonly revision: string;
}

function parsed(version: string): DebVersion {
  const [, epoch = "0", rest = ""] = /^(?:(\d+):)?(.*)$/s.exec(version.trim()) ?? [];
  const hyphen = rest.lastIndexOf("-");
  const upstream = hyphen < 0 ? rest : rest.slice(0, hyphen);
  return { epoch: Number(epoch), upstream, revision: hyphen < 0 ? "" : rest.slice(hyphen + 1) };
}

// Runs of other characters and runs of digits take turns; both are compared until one differs.
function compareParts(a: string, b: string): number {
  const [left, right] = [runs(a), runs(b)];
  for (let index = 0; index < Math.max(left.length, right.length); index += 1) {
    const [one = "", other = ""] = [left[index], right[index]];
    const order = index % 2 === 0 ? compareText(one, other) : compareNumbers(one, other);
    if (order !== 0) return order;
  }
  return 0;
}

/** Runs of characters at even places, runs of digits at odd ones; the first run may be empty. */
function runs(text: string): readonly string[] {
  return text.split(/(\d+)/);
}

function compareText(a: string, b: string): number {
  for (let index = 0; index < Math.max(a.length, b.length); index += 1) {
    const order = weight(a[index]) - weight(b[index]);
    if (order !== 0) return order;
  }
  return 0;
}

// A tilde comes before the end of the text, letters before all other characters.
function weight(character: string | undefined): number {
  if (character === undefined) return 0;
  if (character === "~") return -1;
  const code = character.charCodeAt(0);
  return /[A-Za-z]/.test(character) ? code : code + 256;
}

// Numbers of any length: a date with a time does not fit a double.
function compareNumbers(a: string, b: string): number {
  const [one, other] = [a.replace(/^0+/, ""), b.replace(/^0+/, "")];
  if (one.length !== other.length) return one.length - other.length;
  return one < other ? -1 : Number(one > other);
}
