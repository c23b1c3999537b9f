/*
 * common.bpf.h - the maps, the ring, and what every program asks: is this process watched?
 */
#ifndef TOLLD_COMMON_BPF_H
#define TOLLD_COMMON_BPF_H

#include "read.bpf.h"
#include "tolld/event.h"
#include "tolld/map.h"

#define PF_KTHREAD 0x00200000

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, TOLLD_PROCESSES);
	/* Tens of entries in practice: preallocating the maximum would cost 2 MB. */
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct process_key);
	__type(value, struct watched_process);
} tolld_watch SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct tolld_may_be);
} tolld_may_be SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, TOLLD_PORTS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct port_key);
	__type(value, struct watched_port);
} tolld_ports SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, TOLLD_PROGRAMS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct program_key);
	__type(value, struct wanted_program);
} tolld_programs SEC(".maps");

/* No program reads it: it is here for its types, which a dump shows. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, TOLLD_SERVICES);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct service_key);
	__type(value, struct service_record);
} tolld_services SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct event_counts);
} tolld_counts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, TOLLD_RING_BYTES);
} tolld_events SEC(".maps");

static __always_inline void count(enum tolld_event_type type, bool told)
{
	__u32 zero = 0;
	struct event_counts *counts = bpf_map_lookup_elem(&tolld_counts, &zero);

	if (!counts)
		return;
	if (told)
		counts->told[type]++;
	else
		counts->lost[type]++;
}

/*
 * Room in the ring, with the head filled in; NULL when the ring is full. Never is an event lost
 * silently: user space compares `lost` after each turn and looks at everything anew when it grew.
 */
static __always_inline void *event_reserve(
	enum tolld_event_type type, __u64 size, __u32 pid, __u64 start_boottime_ns)
{
	struct tolld_event *e = bpf_ringbuf_reserve(&tolld_events, size, 0);

	/*
	 * One test of e for both: a second one would be lost on a 6.1 verifier, which does not know that
	 * ring buffer memory past its test is not NULL and asks for a release on a path that is none.
	 */
	if (!e) {
		count(type, false);
		return NULL;
	}
	count(type, true);
	e->type = type;
	e->pid = pid;
	e->start_boottime_ns = start_boottime_ns;
	e->at_boottime_ns = bpf_ktime_get_boot_ns();
	return e;
}

/*
 * Of the process, not of the thread: it survives an exec by any of its threads. Without the kernel's types user
 * space has no iterator either, and knows starts from /proc: to a tick of USER_HZ, which is 100 on the machines
 * that tolld is built for.
 */
static __always_inline __u64 start_of(struct task_struct *task)
{
	__u64 start = READ(task, group_leader, start_boottime);

#ifdef WITHOUT_KERNEL_BTF
	start -= start % 10000000;
#endif
	return start;
}

/* It is always there, which the verifier cannot know. */
static __always_inline __u32 *place_of(__u32 pid)
{
	__u32 zero = 0;
	struct tolld_may_be *may_be = bpf_map_lookup_elem(&tolld_may_be, &zero);

	return may_be ? tolld_place(may_be, pid) : NULL;
}

/* Most processes are not, and pay for this one test. */
static __always_inline struct watched_process *watched(struct task_struct *task)
{
	struct process_key key = { .pid = READ(task, tgid) };
	__u32 *place = place_of(key.pid);

	if (!place || !*place)
		return NULL;
	return bpf_map_lookup_elem(&tolld_watch, &key);
}

/* In place of an entry that was made for an earlier process with this pid, if there is one. */
static __always_inline void watched_add(
	struct process_key *key, const struct watched_process *entry)
{
	__u32 *place = place_of(key->pid);

	if (!place)
		return;
	__sync_fetch_and_add(place, 1);
	if (!bpf_map_update_elem(&tolld_watch, key, entry, BPF_NOEXIST))
		return;
	bpf_map_update_elem(&tolld_watch, key, entry, BPF_EXIST);
	__sync_fetch_and_add(place, -1);
}

/* False: another one has deleted it. */
static __always_inline bool watched_delete(struct process_key *key)
{
	__u32 *place = place_of(key->pid);

	if (bpf_map_delete_elem(&tolld_watch, key))
		return false;
	if (place)
		__sync_fetch_and_add(place, -1);
	return true;
}

/* False for an entry that was made for an earlier process with this pid. */
static __always_inline bool is_same_process(const struct watched_process *entry, __u64 start)
{
	return !entry->start_boottime_ns || entry->start_boottime_ns == start;
}

/* What nobody knew of a process that lived already when it began to be watched. */
static __always_inline void learn_process(struct watched_process *entry, struct task_struct *task)
{
	entry->start_boottime_ns = start_of(task);
	entry->ended_threads_cpu_ns = READ(task, signal, sum_sched_runtime);
	entry->ended_threads_minor_faults = READ(task, signal, min_flt);
	entry->ended_threads_major_faults = READ(task, signal, maj_flt);
#ifdef WITHOUT_KERNEL_BTF
	entry->knows_earlier_threads = 1;
#endif
}

#endif
