/*
 * ended.bpf.c - of the kernel's records of threads that end (taskstats), those that are about a followed process.
 *
 * For kernels that take no tracing programs: a filter of a socket asks for no type information. Without it each
 * thread that ends on the machine would wake whoever listens.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include "tolld/ended.h"
#include "tolld/map.h"

#define DROPPED 0
#define WHOLE	(-1)

/* Below it are netlink's own messages: whether a request was granted. */
#define NLMSG_MIN_TYPE 0x10

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, TOLLD_PROCESSES);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct process_key);
	__type(value, struct followed_process);
} tolld_followed SEC(".maps");

/* Where the figures begin; 0: this is no such record. */
static __always_inline __u32 figures_place(const struct ended_head *head)
{
	if (head->all.type != ENDED_TYPE_THREAD)
		return 0;
	if (head->next.type == ENDED_TYPE_FIGURES)
		return sizeof(*head);
	if (head->next.type == ENDED_TYPE_EMPTY)
		return sizeof(*head) + sizeof(struct ended_attribute);
	return 0;
}

SEC("socket")
int tolld_ended(void *skb)
{
	struct ended_figures figures;
	struct process_key process;
	struct ended_head head;
	__u32 place;

	if (bpf_skb_load_bytes(skb, 0, &head, __builtin_offsetof(struct ended_head, flags)))
		return DROPPED;
	if (head.type < NLMSG_MIN_TYPE)
		return WHOLE;
	if (bpf_skb_load_bytes(skb, 0, &head, sizeof(head)))
		return DROPPED;
	place = figures_place(&head);
	if (!place || bpf_skb_load_bytes(skb, place, &figures, sizeof(figures)))
		return DROPPED;
	process.pid = head.thread;
	if (figures.version >= ENDED_GROUP_VERSION &&
		bpf_skb_load_bytes(
			skb, place + ENDED_GROUP_PLACE, &process.pid, sizeof(process.pid)))
		return DROPPED;
	/* A thread among others that live on is nobody's death; how its leader ended may be all of theirs. */
	if (process.pid != head.thread && !(figures.flags & ENDED_LAST))
		return DROPPED;
	return bpf_map_lookup_elem(&tolld_followed, &process) ? WHOLE : DROPPED;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
