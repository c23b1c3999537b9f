/*
 * process.bpf.h - death, birth and change of watched processes.
 */
#ifndef TOLLD_PROCESS_BPF_H
#define TOLLD_PROCESS_BPF_H

#include "common.bpf.h"

#define SIGNAL_GROUP_EXIT 0x00000004

#ifndef WITHOUT_KERNEL_BTF
/* Set before loading. */
const volatile bool exit_tells_group_dead;
#endif

/*
 * sched_process_exit comes once for every thread, and the last one to come need not be the leader.
 * Since 6.16 the kernel says which exit is the last. Before, `live` is 0 for it, but two threads that
 * exit at the same time can both see 0.
 */
static __always_inline bool is_last_thread(__u64 *ctx, struct task_struct *task)
{
#ifdef WITHOUT_KERNEL_BTF
	if (bpf_core_field_exists(struct trace_event_raw_sched_process_exit, group_dead))
		return (bool)ctx[1];
#else
	if (exit_tells_group_dead)
		return (bool)ctx[1];
#endif
	return READ(task, signal, live.counter) == 0;
}

/* As waitpid() would say it. The leader's own code is another thing when a worker ended the group. */
static __always_inline __u32 wait_status_of(struct task_struct *task)
{
	struct signal_struct *signal = READ(task, signal);

	if (READ(signal, flags) & SIGNAL_GROUP_EXIT)
		return READ(signal, group_exit_code) & 0xffff;
	/* Older kernels leave the flag clear when the last of several threads simply returns. */
	return READ(task, group_leader, exit_code) & 0xffff;
}

/* What a process has used, in all of its threads. */
struct usage {
	__u64 cpu_ns, minor_faults, major_faults;
};

static __always_inline void usage_add(struct usage *usage, const struct task_struct *thread)
{
	usage->cpu_ns += READ(thread, se.sum_exec_runtime);
	usage->minor_faults += READ(thread, min_flt);
	usage->major_faults += READ(thread, maj_flt);
}

/* Are the threads that ended before it was watched in the sums, with those that have ended since? */
static __always_inline bool knows_earlier_threads(const struct watched_process *entry)
{
#ifdef WITHOUT_KERNEL_BTF
	return entry->knows_earlier_threads;
#else
	return true;
#endif
}

/* Where the iterator has not done that: user space cannot read it of them. By the first to end since. */
static __always_inline void learn_earlier_threads(
	struct watched_process *entry, struct task_struct *task)
{
#ifdef WITHOUT_KERNEL_BTF
	if (__sync_val_compare_and_swap(&entry->knows_earlier_threads, 0, 1))
		return;
	__sync_fetch_and_add(&entry->ended_threads_cpu_ns, READ(task, signal, sum_sched_runtime));
	__sync_fetch_and_add(&entry->ended_threads_minor_faults, READ(task, signal, min_flt));
	__sync_fetch_and_add(&entry->ended_threads_major_faults, READ(task, signal, maj_flt));
#endif
}

/*
 * The kernel adds up threads as it takes them out, which comes some time after their exit. Only the
 * leader stays until all are gone. Where others are still on their way, what each said at its own
 * exit counts.
 */
static __always_inline void usage_of(
	struct usage *ret, struct task_struct *task, const struct watched_process *entry)
{
	const struct signal_struct *signal = READ(task, signal);
	struct task_struct *leader = READ(task, group_leader);
	int left = leader == task ? 1 : 2;

	if (READ(signal, nr_threads) > left && knows_earlier_threads(entry)) {
		ret->cpu_ns = entry->ended_threads_cpu_ns;
		ret->minor_faults = entry->ended_threads_minor_faults;
		ret->major_faults = entry->ended_threads_major_faults;
	} else {
		ret->cpu_ns = READ(signal, sum_sched_runtime);
		ret->minor_faults = READ(signal, min_flt);
		ret->major_faults = READ(signal, maj_flt);
		if (leader != task)
			usage_add(ret, leader);
	}
	usage_add(ret, task);
}

static __always_inline void thread_ended(struct watched_process *entry, struct task_struct *task)
{
	learn_earlier_threads(entry, task);
	__sync_fetch_and_add(&entry->ended_threads_cpu_ns, READ(task, se.sum_exec_runtime));
	__sync_fetch_and_add(&entry->ended_threads_minor_faults, READ(task, min_flt));
	__sync_fetch_and_add(&entry->ended_threads_major_faults, READ(task, maj_flt));
	if (READ(task, signal, flags) & SIGNAL_GROUP_EXIT)
		__sync_fetch_and_add(&entry->threads_ended_with_it, 1);
}

/* The signal that killed it, where it was seen. */
static __always_inline void fatal_signal_of(
	struct tolld_signal *ret, const struct watched_process *entry, __u32 wait_status)
{
	int signal = wait_status & 0x7f;

	if (signal && entry->last_fatal_signal.signal == signal)
		*ret = entry->last_fatal_signal;
	else if (signal && entry->last_stop_request.signal == signal)
		*ret = entry->last_stop_request;
	else
		__builtin_memset(ret, 0, sizeof(*ret));
}

static __always_inline void fill_exit(
	struct tolld_exit_event *e, struct task_struct *task, const struct watched_process *entry)
{
	struct usage usage;

	usage_of(&usage, task, entry);
	e->wait_status = wait_status_of(task);
	e->forked = entry->forked;
	e->family_pid = entry->family_pid;
	e->threads = entry->threads_ended_with_it + 1;
	e->peak_rss_pages = READ(task, signal, maxrss);
	e->cpu_ns = usage.cpu_ns;
	e->minor_faults = usage.minor_faults;
	e->major_faults = usage.major_faults;
	READ_COMM(e->comm, READ(task, group_leader));
	fatal_signal_of(&e->fatal_signal, entry, e->wait_status);
	e->stop_request = entry->last_stop_request;
}

TRACEPOINT("sched_process_exit")
int BPF_PROG(tolld_exit, struct task_struct *task)
{
	struct process_key key = { .pid = READ(task, tgid) };
	struct watched_process *entry, ended;
	struct tolld_exit_event *e;
	__u64 start;

	if (READ(task, flags) & PF_KTHREAD)
		return 0;
	entry = watched(task);
	if (!entry)
		return 0;
	start = start_of(task);
	if (!is_same_process(entry, start))
		return 0;
	if (!is_last_thread(ctx, task)) {
		thread_ended(entry, task);
		return 0;
	}

	/* Copied before the delete: since 6.1 the memory of a deleted entry may be used anew at once. */
	ended = *entry;
	if (!watched_delete(&key))
		return 0; /* another thread told of this death */
	if (ended.role != IS_WATCHED)
		return 0;
	e = event_reserve(TOLLD_EXIT, sizeof(*e), key.pid, start);
	if (!e)
		return 0;
	fill_exit(e, task, &ended);
	bpf_ringbuf_submit(e, 0);
	return 0;
}

/*
 * A daemon may listen first and fork then, and the child serves on when its parent exits. So children
 * are followed, silently; user space asks for them only when their watched ancestor dies.
 */
TRACEPOINT("sched_process_fork")
int BPF_PROG(tolld_fork, struct task_struct *parent, struct task_struct *child)
{
	struct process_key key = { .pid = READ(child, tgid) };
	struct watched_process inherited = { .role = INHERITED_FROM_WATCHED };
	struct watched_process *entry;

	if (READ(child, tgid) == READ(parent, tgid))
		return 0; /* a thread */
	entry = watched(parent);
	if (!entry)
		return 0;
	__sync_fetch_and_add(&entry->forked, 1);
	inherited.family_pid = entry->family_pid;
	inherited.start_boottime_ns = start_of(child);
	__builtin_memcpy(inherited.service, entry->service, sizeof(inherited.service));
	watched_add(&key, &inherited);
	return 0;
}

/* So many in each second, on all CPUs. An exact count would cost a lock. */
struct budget {
	__u64 second;
	__u32 spent;
};

static struct budget starts_by_name, starts_at_all;

static __always_inline bool has_left(struct budget *budget, __u32 most)
{
	__u64 second = bpf_ktime_get_boot_ns() / 1000000000;

	if (budget->second != second) {
		budget->second = second;
		budget->spent = 0;
	}
	return __sync_fetch_and_add(&budget->spent, 1) < most;
}

static __always_inline bool is_in_budget(struct budget *budget, __u32 most)
{
	__u32 zero = 0;
	struct event_counts *counts;

	if (has_left(budget, most))
		return true;
	counts = bpf_map_lookup_elem(&tolld_counts, &zero);
	if (counts)
		counts->starts_not_told++;
	return false;
}

/* Which program somebody looks for it is, NULL: none, or there are too many now. */
static __always_inline struct wanted_program *wanted(struct task_struct *task, __u64 inode)
{
	struct program_key key = {};
	struct wanted_program *program;

	READ_COMM(key.name, task);
	program = bpf_map_lookup_elem(&tolld_programs, &key);
	if (!program && READ(task, real_parent, tgid) == 1) {
		key.parent_pid = 1;
		program = bpf_map_lookup_elem(&tolld_programs, &key);
		key.parent_pid = 0;
	}
	if (!program) {
		__builtin_memset(key.name, 0, sizeof(key.name));
		key.inode = inode;
		program = bpf_map_lookup_elem(&tolld_programs, &key);
	}
	if (program)
		return is_in_budget(&starts_by_name, TOLLD_STARTS_BY_NAME) ? program : NULL;
	key.inode = 0;
	program = bpf_map_lookup_elem(&tolld_programs, &key);
	return program && is_in_budget(&starts_at_all, TOLLD_STARTS_AT_ALL) ? program : NULL;
}

/*
 * A process becomes another program. One that is looked for is watched from now on: should it die
 * before user space has read of it, that is told all the same.
 */
TRACEPOINT("sched_process_exec")
int BPF_PROG(tolld_exec, struct task_struct *task, pid_t old_pid, struct linux_binprm *bprm)
{
	struct process_key key = { .pid = READ(task, tgid) };
	struct watched_process *entry = watched(task);
	__u64 inode = READ(bprm, file, f_inode, i_ino);
	struct watched_process started = { .role = IS_WATCHED };
	bool was_watched = entry && entry->role == IS_WATCHED;
	struct tolld_exec_event *e;

	if (!was_watched) {
		struct wanted_program *program = wanted(task, inode);

		/* What a service merely starts is not a part of it. */
		if (entry)
			watched_delete(&key);
		if (!program)
			return 0;
		started.family_pid = key.pid;
		learn_process(&started, task);
		__builtin_memcpy(started.service, program->service, sizeof(started.service));
		watched_add(&key, &started);
	}
	e = event_reserve(TOLLD_EXEC, sizeof(*e), key.pid, start_of(task));
	if (!e)
		return 0;
	READ_COMM(e->comm, task);
	e->inode = inode;
	e->parent_pid = READ(task, real_parent, tgid);
	e->was_looked_for = !was_watched;
	bpf_ringbuf_submit(e, 0);
	return 0;
}

#ifndef WITHOUT_KERNEL_BTF
/*
 * Lists the watched processes that live, and learns when each was made where user space did not
 * know. A leader that exited before its workers is still listed: its process lives.
 */
SEC("iter/task")
int tolld_tasks(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct watched_process *entry;
	struct tolld_living living = {};

	if (!task || task->pid != task->tgid || task->signal->live.counter <= 0)
		return 0;
	entry = watched(task);
	if (!entry)
		return 0;
	living.pid = task->tgid;
	living.start_boottime_ns = start_of(task);
	__builtin_memcpy(living.comm, task->comm, sizeof(living.comm));
	if (!entry->start_boottime_ns)
		learn_process(entry, task);
	bpf_seq_write(ctx->meta->seq, &living, sizeof(living));
	return 0;
}
#endif

#endif
