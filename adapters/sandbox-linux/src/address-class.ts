import { BlockList, isIPv4, isIPv6 } from 'node:net';

export type AddressClass = 'public' | 'private' | 'metadata' | 'unusable';

// IANA special-purpose registries for IPv4 and IPv6 (RFC 6890 and its successors).
const PRIVATE = blockList([
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '::1/128',
  'fc00::/7',
  'fe80::/10',
  'fec0::/10',
]);

const UNUSABLE = blockList([
  '0.0.0.0/8',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
  '::/128',
  '64:ff9b:1::/48',
  '100::/64',
  '2001::/23',
  '2001:db8::/32',
  '3fff::/20',
  '5f00::/16',
  'ff00::/8',
]);

const METADATA = blockList([
  '169.254.169.254/32',
  '169.254.170.2/32',
  '169.254.170.23/32',
  '168.63.129.16/32',
  '100.100.100.200/32',
  '192.0.0.192/32',
  'fd00:ec2::254/128',
  'fd00:ec2::23/128',
  'fd20:ce::254/128',
]);

/**
 * What a resolved address is. One that carries an IPv4 address inside (IPv4-mapped or compatible, NAT64, 6to4) is
 * judged by that address, since that is where a packet may end.
 */
export function addressClass(address: string): AddressClass {
  const zone = address.indexOf('%');
  const bare = zone < 0 ? address : address.slice(0, zone);
  if (isIPv4(bare)) return classify(bare, 'ipv4');
  if (!isIPv6(bare)) return 'unusable';
  const inside = embeddedIpv4(bare);
  if (inside !== null) return classify(inside, 'ipv4');
  return classify(bare, 'ipv6');
}

function classify(address: string, family: 'ipv4' | 'ipv6'): AddressClass {
  if (METADATA.check(address, family)) return 'metadata';
  if (UNUSABLE.check(address, family)) return 'unusable';
  return PRIVATE.check(address, family) ? 'private' : 'public';
}

function embeddedIpv4(address: string): string | null {
  const words = expand(address);
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = words;
  const leading = a === 0 && b === 0 && c === 0 && d === 0;
  const mapped = leading && ((e === 0 && f === 0xffff) || (e === 0xffff && f === 0));
  const compatible = leading && e === 0 && f === 0 && (g !== 0 || h > 1);
  const nat64 = a === 0x64 && b === 0xff9b && c === 0 && d === 0 && e === 0 && f === 0;
  if (mapped || compatible || nat64) return quad(g, h);
  return a === 0x2002 ? quad(b, c) : null;
}

function quad(high: number, low: number): string {
  return `${high >> 8}.${high & 0xff}.${low >> 8}.${low & 0xff}`;
}

/** The eight words of an IPv6 address already known to be well formed. */
function expand(address: string): number[] {
  let text = address;
  const lastColon = text.lastIndexOf(':');
  const tail = text.slice(lastColon + 1);
  if (tail.includes('.')) {
    const [p = 0, q = 0, r = 0, s = 0] = tail.split('.').map(Number);
    text = `${text.slice(0, lastColon + 1)}${((p << 8) | q).toString(16)}:${((r << 8) | s).toString(16)}`;
  }
  const [head = '', rest] = text.split('::');
  const left = words(head);
  if (rest === undefined) return left;
  const right = words(rest);
  return [...left, ...Array.from({ length: 8 - left.length - right.length }, () => 0), ...right];
}

function words(text: string): number[] {
  return text === '' ? [] : text.split(':').map((word) => Number.parseInt(word, 16));
}

function blockList(ranges: readonly string[]): BlockList {
  const list = new BlockList();
  for (const range of ranges) {
    const [network = '', prefix] = range.split('/');
    list.addSubnet(network, Number(prefix), network.includes(':') ? 'ipv6' : 'ipv4');
  }
  return list;
}
