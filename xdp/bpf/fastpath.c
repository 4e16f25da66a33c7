//go:build ignore

// SPDX-License-Identifier: GPL-2.0
//
// The kernel's side of the fast path: an XDP program in front of a host endpoint's interface, and the program that gives
// packets back to the stack. See doc.go for the picture.
//
// Whatever is not plainly one of ours to judge is passed to the stack, where nftables decides.

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

char rampart_license[] SEC("license") = "GPL";

// What the program did with packets. The order is that of type Event in Go.
enum event {
	EVENT_OTHER,         // not for us to judge: passed
	EVENT_FAILSAFE,      // failsafe port: passed
	EVENT_ESTABLISHED,   // connection known to conntrack: passed
	EVENT_CACHED_ALLOW,  // passed
	EVENT_CACHED_DENY,   // dropped
	EVENT_UNDECIDED,     // no verdict, and sockets are not in use: passed
	EVENT_REDIRECTED,    // no verdict: given to a socket
	EVENT_OVERLOAD_PASS, // no verdict and no room: passed
	EVENT_OVERLOAD_DROP, // no verdict and no room: dropped
	EVENT_NUMBER,
	EVENT_ASKED = EVENT_NUMBER, // of cached denials: conntrack was asked. Not the end of a packet
};

// Flags of struct settings.
enum {
	FLAG_JUDGE = 1,         // cached verdicts apply
	FLAG_REDIRECT = 2,      // packets without a verdict go to sockets
	FLAG_OVERLOAD_DROP = 4, // drop what no socket has room for
	FLAG_UNTRACKED = 8,     // protocols that conntrack cannot be asked about may have verdicts
	FLAG_SAMPLE = 16,       // of those packets only one in SAMPLE goes to a socket
};

#define SAMPLE 64

struct settings {
	__u32 generation; // of the program in force: other generations' verdicts are void
	__u32 flags;
	__u32 frame_max; // the longest frame that a socket takes
	__u8 mac[ETH_ALEN];
	__u16 unused;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct settings);
} config SEC(".maps");

// A flow as the verdict cache knows it. IPv4 addresses are in the first four octets. For ICMP the ports are type and code.
struct flow {
	__u8 src[16], dst[16];
	__be16 sport, dport;
	__u8 protocol;
	__u8 version;
	__u8 unused[2];
} __attribute__((aligned(8)));

#define VERDICT_ALLOW 0xffffffff
#define VERDICT_FINAL 0x80000000 // denied whatever connection the packet belongs to

struct verdict {
	__u32 generation;
	__u32 slot; // VERDICT_ALLOW, or the counter of the rule that denies, perhaps with VERDICT_FINAL
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, struct flow);
	__type(value, struct verdict);
} verdicts SEC(".maps");

struct counter {
	__u64 packets, octets;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, struct counter);
} denied SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, EVENT_NUMBER + 1);
	__type(key, __u32);
	__type(value, __u64);
} events SEC(".maps");

// Ports that are always passed, 64 to an entry: bit port % 64 of entry port / 64.
struct ports {
	__u64 tcp, udp, sctp;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, struct ports);
} failsafes SEC(".maps");

// Room in a queue's socket. User space gives, we take; both counts run freely. Each has a cache line of its own.
struct room {
	__u64 given;
	__u64 unused1[7];
	__u64 taken;
	__u64 unused2[7];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, struct room);
} rooms SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, __u32);
} sockets SEC(".maps");

// Notes count the connections that conntrack is about to learn, in as many places as there are notes, by flow. While the
// note of a flow stands still conntrack learns nothing about it. Chapters sum up many notes each, in little memory: while a
// chapter stands still so do its notes. A note is written before its chapter and read after it.
#define NOTES (1 << 17)
#define CHAPTERS (1 << 6)

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, NOTES);
	__type(key, __u32);
	__type(value, __u32);
} notes SEC(".maps");

struct chapter {
	__u32 count;
	__u32 unused[15]; // a cache line each
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, CHAPTERS);
	__type(key, __u32);
	__type(value, struct chapter);
} chapters SEC(".maps");

// Epochs are counted by user space while they are wanted: from one to the next but two, every packet that was on its way
// through netfilter has arrived.
struct epoch {
	__u32 number;
	__u32 wanted;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct epoch);
} epochs SEC(".maps");

// A CPU's recent denials: those that need not be looked up, nor conntrack be asked about. See recall and deny.
enum {
	PROOF_NONE,
	PROOF_BEGUN,    // conntrack did not know the flow, but may have been about to learn it
	PROOF_COMPLETE, // conntrack does not know the flow as long as its note stands still
	PROOF_NEEDLESS, // the denial does not depend on conntrack
};

struct recent {
	__u64 flow[sizeof(struct flow) / 8];
	__u32 generation;
	__u32 slot;
	__u32 chapter;
	__u32 note;
	__u32 asked; // when conntrack was asked last, in jiffies
	__u16 epoch; // when the proof was begun
	__u16 proof;
};

#define WAYS 2

struct recents {
	struct recent at[WAYS];
};

// Every CPU has a part of the map. It could be a per-CPU map, but this one is aligned to cache lines.
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct recents);
} recent SEC(".maps");

// Connections that conntrack learns without a packet on its way through netfilter, from tools and other programs, have no
// note, so it is asked again after so many jiffies: a quarter of a second at most.
#define LEASE 25

// The first form of the options, which every kernel that has the function takes.
struct bpf_ct_opts___short {
	__s32 netns_id;
	__s32 error;
	__u8 l4proto;
	__u8 dir;
	__u8 reserved[2];
};

#define AF_INET 2 // linux/socket.h has it for the kernel only

// struct nf_conntrack_tuple, without the names inside.
struct tuple {
	__u8 src[16];
	__be16 sport;
	__u16 family; // as AF_INET and AF_INET6
	__u8 dst[16];
	__be16 dport;
	__u8 protocol;
	__u8 direction;
};

struct nf_conntrack_tuple_hash {
	struct nf_conntrack_tuple {
	} tuple;
} __attribute__((preserve_access_index));

struct nf_conn {
	struct nf_conntrack_tuple_hash tuplehash[2];
	unsigned long status;
} __attribute__((preserve_access_index));

struct sk_buff {
	unsigned long _nfct;
} __attribute__((preserve_access_index));

struct bpf_nf_ctx {
	const void *state;
	struct sk_buff *skb;
};

// Whether the kernel has the two functions below, which user space finds out. Where it has not, the verifier removes the
// branch that calls them.
const volatile __u8 conntrack;
// Whether connections are noted, by rampart_note.
const volatile __u8 noted;
// How many places each CPU has for recent denials, a power of two.
const volatile __u32 places = 1;

extern struct nf_conn *bpf_xdp_ct_lookup(struct xdp_md *ctx, struct bpf_sock_tuple *tuple, __u32 tuple__sz,
					 struct bpf_ct_opts___short *opts, __u32 opts__sz) __ksym __weak;
extern void bpf_ct_release(struct nf_conn *ct) __ksym __weak;

static __always_inline int count(__u32 event, int action)
{
	__u64 *n = bpf_map_lookup_elem(&events, &event);

	if (n)
		(*n)++;
	return action;
}

// drop counts a packet under the rule that denies it.
static __always_inline int drop(__u32 slot, __u32 length)
{
	struct counter *c = bpf_map_lookup_elem(&denied, &slot);

	if (c) {
		c->packets++;
		c->octets += length; // as nftables counts
	}
	return count(EVENT_CACHED_DENY, XDP_DROP);
}

// parse fills in the flow and the length of the IP packet and tells whether the packet is one to judge.
static __always_inline int parse(void *data, void *end, struct settings *set, struct flow *f, __u32 *length)
{
	struct ethhdr *eth = data;
	__u16 proto;
	void *l4;
	__u32 left; // octets from l4 to the end of the IP packet

	if ((void *)(eth + 1) > end)
		return 0;
	// Broadcast, multicast, and what a macvlan or a bridge may take.
	__u16 *to = (__u16 *)eth->h_dest, *own = (__u16 *)set->mac;

	if (to[0] != own[0] || to[1] != own[1] || to[2] != own[2])
		return 0;
	proto = eth->h_proto;
	l4 = eth + 1;
	if (proto == bpf_htons(ETH_P_8021Q)) {
		__be16 *tag = l4;

		if ((void *)(tag + 2) > end)
			return 0;
		if (tag[0] & bpf_htons(0x0fff)) // another interface's; 0 is only a priority
			return 0;
		proto = tag[1];
		l4 = tag + 2;
	}
	if (proto == bpf_htons(ETH_P_IP)) {
		struct iphdr *ip = l4;
		__u32 total;

		if ((void *)(ip + 1) > end || ip->version != 4 || ip->ihl != 5 || ip->frag_off & bpf_htons(0x3fff))
			return 0;
		total = bpf_ntohs(ip->tot_len);
		if (total < sizeof(*ip) || total > end - l4)
			return 0;
		f->version = 4;
		f->protocol = ip->protocol;
		__builtin_memcpy(f->src, &ip->saddr, 4);
		__builtin_memcpy(f->dst, &ip->daddr, 4);
		l4 = ip + 1;
		left = total - sizeof(*ip);
		*length = total;
	} else if (proto == bpf_htons(ETH_P_IPV6)) {
		struct ipv6hdr *ip = l4;

		if ((void *)(ip + 1) > end || ip->version != 6)
			return 0;
		left = bpf_ntohs(ip->payload_len);
		l4 = ip + 1;
		if (left > end - l4)
			return 0;
		*length = left + sizeof(*ip);
		f->version = 6;
		f->protocol = ip->nexthdr;
		__builtin_memcpy(f->src, &ip->saddr, 16);
		__builtin_memcpy(f->dst, &ip->daddr, 16);
		// Hop-by-hop and destination options change nothing about who speaks to whom.
		for (int i = 0; i < 3 && (f->protocol == IPPROTO_HOPOPTS || f->protocol == IPPROTO_DSTOPTS); i++) {
			__u8 *option = l4;
			__u32 size;

			if ((void *)(option + 2) > end)
				return 0;
			size = 8 + 8 * (__u32)option[1];
			if (size > left)
				return 0;
			f->protocol = option[0];
			l4 += size;
			left -= size;
			if (l4 > end)
				return 0;
		}
	} else {
		return 0;
	}
	switch (f->protocol) {
	case IPPROTO_TCP:
		if (left < 20)
			return 0;
		break;
	case IPPROTO_SCTP:
		if (left < 12)
			return 0;
		break;
	case IPPROTO_UDP:
		if (left < 8)
			return 0;
		break;
	case IPPROTO_ICMP: // only echo requests: the rest is errors, answers and what keeps a link alive
	case IPPROTO_ICMPV6: {
		__u8 *icmp = l4;

		if (left < 8 || (void *)(icmp + 2) > end)
			return 0;
		if (icmp[0] != (f->version == 4 ? 8 : 128) || f->protocol != (f->version == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6))
			return 0;
		f->sport = bpf_htons(icmp[0]);
		f->dport = bpf_htons(icmp[1]);
		return 1;
	}
	default:
		return 0;
	}
	__be16 *ports = l4;

	if ((void *)(ports + 2) > end)
		return 0;
	f->sport = ports[0];
	f->dport = ports[1];
	return 1;
}

// established asks conntrack, which knows replies, related connections that have begun, and what policy allowed before.
static __always_inline int established(struct xdp_md *ctx, struct flow *f)
{
	struct bpf_ct_opts___short opts = {.netns_id = BPF_F_CURRENT_NETNS, .l4proto = f->protocol};
	struct bpf_sock_tuple tuple = {};
	struct nf_conn *ct;

	if (f->version == 4) {
		__builtin_memcpy(&tuple.ipv4.saddr, f->src, 4);
		__builtin_memcpy(&tuple.ipv4.daddr, f->dst, 4);
		tuple.ipv4.sport = f->sport;
		tuple.ipv4.dport = f->dport;
		ct = bpf_xdp_ct_lookup(ctx, &tuple, sizeof(tuple.ipv4), &opts, sizeof(opts));
	} else {
		__builtin_memcpy(tuple.ipv6.saddr, f->src, 16);
		__builtin_memcpy(tuple.ipv6.daddr, f->dst, 16);
		tuple.ipv6.sport = f->sport;
		tuple.ipv6.dport = f->dport;
		ct = bpf_xdp_ct_lookup(ctx, &tuple, sizeof(tuple.ipv6), &opts, sizeof(opts));
	}
	if (!ct)
		return 0;
	bpf_ct_release(ct);
	return 1;
}

// mix makes a number of a flow, good in its upper bits.
static __always_inline __u64 mix(const __u64 *w)
{
	__u64 h = (w[0] ^ (w[2] << 32 | w[2] >> 32)) * 0x9e3779b97f4a7c15;

	h ^= (w[1] ^ (w[3] << 32 | w[3] >> 32)) * 0xc2b2ae3d27d4eb4f;
	h ^= h >> 32;
	return (h ^ w[4]) * 0x9e3779b97f4a7c15;
}

static __always_inline __u32 *note_of(__u64 mixed)
{
	__u32 at = mixed >> 24 & (NOTES - 1);

	return bpf_map_lookup_elem(&notes, &at);
}

static __always_inline __u32 *chapter_of(__u64 mixed)
{
	__u32 at = mixed >> 24 & (CHAPTERS - 1); // by notes, so that a note has one chapter
	struct chapter *c = bpf_map_lookup_elem(&chapters, &at);

	return c ? &c->count : 0;
}

// read_note reads a note later than what the program has read before, on every CPU.
static __always_inline __u32 read_note(__u64 mixed)
{
	__u32 *note = note_of(mixed);

	return note ? __sync_fetch_and_add(note, 0) : 0;
}

static __always_inline void take_note(__u64 mixed)
{
	__u32 *note = note_of(mixed), *chapter = chapter_of(mixed);

	if (!note || !chapter)
		return;
	__u32 before = __sync_fetch_and_add(note, 1);

	asm volatile("" : : "r"(before)); // with its result used it is a full barrier
	before = __sync_fetch_and_add(chapter, 1);
	asm volatile("" : : "r"(before));
}

// recall finds the places for a flow among the recent denials.
static __always_inline struct recent *recall(__u64 mixed)
{
	__u32 at = bpf_get_smp_processor_id() * places + (mixed >> 44 & (places - 1));
	struct recents *r = bpf_map_lookup_elem(&recent, &at);

	return r ? r->at : 0;
}

static __always_inline int same(const struct recent *r, const __u64 *w)
{
	return !((r->flow[0] ^ w[0]) | (r->flow[1] ^ w[1]) | (r->flow[2] ^ w[2]) | (r->flow[3] ^ w[3]) | (r->flow[4] ^ w[4]));
}

// standing tells whether a recent denial is proven, in force and of this flow.
static __always_inline int standing(struct recent *r, const __u64 *w, __u64 mixed, __u32 generation, __u32 chapter, __u32 now)
{
	if (r->generation != generation || r->proof < PROOF_COMPLETE || now - r->asked >= LEASE || !same(r, w))
		return 0;
	if (r->chapter != chapter) {
		if (read_note(mixed) != r->note)
			return 0;
		r->chapter = chapter;
	}
	return 1;
}

// place is where a denial of the flow is or may be put, 0 when others need both places.
static __always_inline struct recent *place(struct recent *r, const __u64 *w, __u32 generation, __u32 now)
{
	if (!r || same(&r[0], w))
		return r;
	if (same(&r[1], w))
		return &r[1];
	if (r[0].generation != generation || now - r[0].asked >= LEASE)
		return &r[0];
	if (r[1].generation != generation || now - r[1].asked >= LEASE)
		return &r[1];
	return 0;
}

// unknown asks conntrack about a flow that is denied unless conntrack knows it, and notes progress towards the proof that it
// does not, in r.
//
// The proof takes two questions, because a connection is noted before conntrack learns it: the first answer does not
// tell about connections that were noted already and are on their way. Three epochs later those have arrived. If
// conntrack does not know the flow then, and the note has not changed, it learns nothing before the note changes.
static __always_inline int unknown(struct xdp_md *ctx, struct flow *f, struct recent *r, __u64 mixed, __u32 chapter, __u32 now)
{
	__u32 zero = 0, note = r ? read_note(mixed) : 0;
	struct epoch *e = bpf_map_lookup_elem(&epochs, &zero);
	__u32 epoch = e ? *(volatile __u32 *)&e->number : 0; // before conntrack is asked, as the note

	count(EVENT_ASKED, 0);
	if (established(ctx, f))
		return 0;
	if (!r || !e)
		return 1;
	if (r->proof == PROOF_NONE || r->proof == PROOF_NEEDLESS || r->note != note) {
		r->chapter = chapter;
		r->note = note;
		r->epoch = epoch;
		r->proof = PROOF_BEGUN;
	} else if (r->proof == PROOF_BEGUN && (__u16)(epoch - r->epoch) >= 3) {
		r->proof = PROOF_COMPLETE;
	}
	r->asked = now;
	if (r->proof == PROOF_BEGUN && !e->wanted)
		e->wanted = 1;
	return 1;
}

// note_tuple takes a note of the flow of a struct nf_conntrack_tuple.
static __always_inline void note_tuple(const void *at)
{
	struct flow f = {};
	struct tuple t;

	if (bpf_probe_read_kernel(&t, sizeof(t), at))
		return;
	if (t.family == AF_INET) {
		f.version = 4;
		__builtin_memcpy(f.src, t.src, 4);
		__builtin_memcpy(f.dst, t.dst, 4);
	} else {
		f.version = 6;
		__builtin_memcpy(f.src, t.src, 16);
		__builtin_memcpy(f.dst, t.dst, 16);
	}
	f.sport = t.sport;
	f.dport = t.dport;
	f.protocol = t.protocol;
	take_note(mix((__u64 *)&f));
}

// rampart_note sees packets just before conntrack learns what it has found out about them: connections get to be known
// where packets leave netfilter, for sockets or for the wire. Those are after address translation, so the flows that
// belong to a connection are taken from conntrack's entry. The packet that begins a connection is new or related (see
// __nf_conntrack_confirm, net/netfilter/nf_conntrack_core.c); most are neither.
SEC("netfilter")
int rampart_note(struct bpf_nf_ctx *ctx)
{
	unsigned long nfct = ctx->skb->_nfct, status;
	struct nf_conn *ct = (void *)(nfct & ~7UL);

	if ((nfct & 7) != IP_CT_NEW && (nfct & 7) != IP_CT_RELATED)
		return NF_ACCEPT;
	if (bpf_probe_read_kernel(&status, sizeof(status), &ct->status) || status & IPS_CONFIRMED)
		return NF_ACCEPT;
	note_tuple(&ct->tuplehash[0].tuple);
	note_tuple(&ct->tuplehash[1].tuple);
	return NF_ACCEPT;
}

// A worker's questions about flows that are to be denied: which of them are connections after all?
#define QUESTIONS 64

struct inquiry {
	struct flow flows[QUESTIONS];
	__u8 known[QUESTIONS];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, struct inquiry);
} inquiries SEC(".maps");

// rampart_inquiry is run by workers themselves (BPF_PROG_TEST_RUN), so that conntrack is searched on their time and not on
// the interface's. The packet holds the number of the inquiry and of its questions.
SEC("xdp")
int rampart_inquiry(struct xdp_md *ctx)
{
	__u32 *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;

	if (data + 2 > end)
		return XDP_ABORTED;

	__u32 number = data[0], n = data[1];
	struct inquiry *q = bpf_map_lookup_elem(&inquiries, &number);

	if (!q)
		return XDP_ABORTED;
	for (__u32 i = 0; i < QUESTIONS; i++) {
		if (i >= n)
			break;
		q->known[i] = conntrack && established(ctx, &q->flows[i]);
	}
	return XDP_PASS;
}

// judge decides a packet or redirects it to its queue's socket.
SEC("xdp.frags")
int rampart_xdp(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u32 zero = 0, queue = ctx->rx_queue_index;
	__u32 length = 0;
	struct flow f = {};
	struct settings *set = bpf_map_lookup_elem(&config, &zero);

	if (!set || !(set->flags & FLAG_JUDGE) || !parse(data, end, set, &f, &length))
		return count(EVENT_OTHER, XDP_PASS);

	int tracked = f.protocol == IPPROTO_TCP || f.protocol == IPPROTO_UDP;

	if (tracked || f.protocol == IPPROTO_SCTP) {
		__u32 port = bpf_ntohs(f.dport), word = port / 64;
		struct ports *p = bpf_map_lookup_elem(&failsafes, &word);

		if (!p)
			return count(EVENT_OTHER, XDP_PASS);

		__u64 bits = f.protocol == IPPROTO_TCP ? p->tcp : f.protocol == IPPROTO_UDP ? p->udp : p->sctp;

		if (bits >> (port % 64) & 1)
			return count(EVENT_FAILSAFE, XDP_PASS);
	}
	// Conntrack can be asked about TCP and UDP. Of the rest only untracked policy, which does not look at connections,
	// may decide here; user space knows that.
	if (!tracked && !(set->flags & FLAG_UNTRACKED))
		return count(EVENT_OTHER, XDP_PASS);

	__u32 now = bpf_jiffies64(), generation = set->generation;
	const __u64 *w = (__u64 *)&f;
	__u64 mixed = mix(w);
	__u32 *counted = chapter_of(mixed), chapter = counted ? *(volatile __u32 *)counted : 0;
	struct recent *r = recall(mixed);

	if (r && standing(&r[0], w, mixed, generation, chapter, now))
		return drop(r[0].slot, length);
	if (r && standing(&r[1], w, mixed, generation, chapter, now))
		return drop(r[1].slot, length);

	struct verdict *v = bpf_map_lookup_elem(&verdicts, &f);

	if (v && v->generation == generation) {
		__u32 slot = v->slot;

		if (slot == VERDICT_ALLOW)
			return count(EVENT_CACHED_ALLOW, XDP_PASS);
		int final = slot & VERDICT_FINAL || !tracked || !conntrack;

		r = final || noted ? place(r, w, generation, now) : 0;
		if (r && !same(r, w)) {
			__builtin_memcpy(r->flow, w, sizeof(r->flow));
			r->proof = PROOF_NONE;
		}
		// Since the verdict was cached the host may have opened a connection that this is the answer to.
		if (final) {
			if (r) {
				r->chapter = chapter;
				r->note = read_note(mixed);
				r->asked = now;
				r->proof = PROOF_NEEDLESS;
			}
		} else if (!unknown(ctx, &f, r, mixed, chapter, now)) {
			return count(EVENT_ESTABLISHED, XDP_PASS);
		}
		slot &= ~VERDICT_FINAL;
		if (r) {
			r->slot = slot;
			r->generation = generation;
		}
		return drop(slot, length);
	}
	if (!(set->flags & FLAG_REDIRECT) || end - data > set->frame_max || bpf_xdp_get_buff_len(ctx) != end - data)
		return count(EVENT_UNDECIDED, XDP_PASS);
	if (set->flags & FLAG_SAMPLE && bpf_get_prandom_u32() % SAMPLE)
		return count(EVENT_UNDECIDED, XDP_PASS);

	struct room *room = bpf_map_lookup_elem(&rooms, &queue);

	if (!room)
		return count(EVENT_UNDECIDED, XDP_PASS);
	if ((__s64)(*(volatile __u64 *)&room->given - *(volatile __u64 *)&room->taken) <= 0) {
		if (set->flags & FLAG_OVERLOAD_DROP)
			return count(EVENT_OVERLOAD_DROP, XDP_DROP);
		return count(EVENT_OVERLOAD_PASS, XDP_PASS);
	}

	int action = bpf_redirect_map(&sockets, queue, XDP_PASS);

	if (action != XDP_REDIRECT)
		return count(EVENT_UNDECIDED, XDP_PASS);
	__sync_fetch_and_add(&room->taken, 1);
	return count(EVENT_REDIRECTED, XDP_REDIRECT);
}

// The interface that packets given back arrive on, and the mark they get.
const volatile __u32 target;
const volatile __u32 mark;

// rampart_handback sits at the far end of the private veth pair.
SEC("tcx/ingress")
int rampart_handback(struct __sk_buff *skb)
{
	if (mark)
		skb->mark = mark;
	return bpf_redirect(target, BPF_F_INGRESS);
}
