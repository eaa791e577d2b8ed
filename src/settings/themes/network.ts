import { parseAddress } from "../addresses.ts";
import { ipConfig, ipConfigForm, ipConfigShort } from "../ip-config.ts";
import type { Setting } from "../setting.ts";
import { checkedList, list, oneOf } from "../value-types.ts";

const applies = ["create", "import", "rename"] as const;

const hostName =
  /^(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$/;

/** How the guest reaches the network. */
export const networkSettings = {
  NETWORK: {
    key: "network",
    ...oneOf("none", "auto", "static", "dhcp"),
    default: "none",
    help: "none: only lo is configured. static: addresses from IPCONFIGn, Ganeti's interfaces and networks, or DNS. dhcp: by DHCP. auto: static where the address is known, else dhcp.",
    perInstance: { name: "network", kind: "public" },
    applies,
  },
  IPCONFIG0: ipConfigOf("0"),
  IPCONFIG1: ipConfigOf("1"),
  IPCONFIG2: ipConfigOf("2"),
  IPCONFIG3: ipConfigOf("3"),
  IPCONFIG4: ipConfigOf("4"),
  IPCONFIG5: ipConfigOf("5"),
  IPCONFIG6: ipConfigOf("6"),
  IPCONFIG7: ipConfigOf("7"),
  DNS_NAMESERVERS: {
    key: "dnsNameservers",
    type: checkedList(parseAddress),
    default: "",
    defaultWords: "the node's",
    help: "Name servers of the guest, separated by semicolons, commas or blanks.",
    expected: "addresses of name servers, separated by semicolons, commas or blanks",
    example: "192.0.2.53;2001:db8::53",
    perInstance: { name: "dns_nameservers", kind: "public" },
    applies,
  },
  DNS_SEARCH: {
    key: "dnsSearch",
    type: list(hostName),
    default: "",
    defaultWords: "the node's",
    help: "Domains in which the guest looks for names without dots.",
    expected: "names of domains, separated by semicolons, commas or blanks",
    example: "example.com",
    perInstance: { name: "dns_search", kind: "public" },
    applies,
  },
  NTP_SERVERS: {
    key: "ntpServers",
    type: checkedList(
      (value) => parseAddress(value) ?? (/^[\d.]*$/.test(value) || !hostName.test(value) ? undefined : value),
    ),
    default: "",
    defaultWords: "the guest's own",
    help: "Time servers of a guest that has systemd-timesyncd or chrony.",
    expected: "names or addresses, separated by semicolons, commas or blanks",
    example: "ntp.example.com",
    perInstance: { name: "ntp_servers", kind: "public" },
    applies: ["create"],
  },
} as const satisfies Record<string, Setting>;

function ipConfigOf<const Index extends string>(index: Index) {
  return {
    key: `ipConfig${index}`,
    type: ipConfig,
    default: "",
    defaultWords: "by NETWORK",
    help: `Addresses of interface ${index}: ${ipConfigForm}.`,
    expected: ipConfigShort,
    example: "ip=192.0.2.4/24;gw=192.0.2.1;ip6=auto",
    perInstance: { name: `ipconfig${index}`, kind: "public" },
    applies,
  } as const;
}
