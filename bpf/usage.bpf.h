/*
 * usage.bpf.h - what watched processes use: read when user space asks, at no cost in between.
 */
#ifndef TOLLD_USAGE_BPF_H
#define TOLLD_USAGE_BPF_H

#include "memory.bpf.h"
#include "tolld/usage.h"

#define RLIMIT_NOFILE 7

/* What ps shows as D: with NOLOAD it only rests. */
#define TASK_UNINTERRUPTIBLE 2
#define TASK_NOLOAD	     0x400

/* Set once all threads have stopped, which is not so of one that a debugger holds. */
#define SIGNAL_STOP_STOPPED 1
/*
 * It has to wait for as long as its control group is frozen; since 5.2. (task->frozen is set in whoever was stopped
 * by a signal, too.)
 */
#define JOBCTL_TRAP_FREEZE (1u << 23)

/* So much of a table of descriptors is read at a time, and so often: beyond a million nobody counts. */
#define FD_WORDS     32
#define FD_BITS	     (FD_WORDS * 64)
#define FD_READS_MAX 512

static __always_inline __u32 bits_in(__u64 word)
{
	word -= (word >> 1) & 0x5555555555555555ull;
	word = (word & 0x3333333333333333ull) + ((word >> 2) & 0x3333333333333333ull);
	word = (word + (word >> 4)) & 0x0f0f0f0f0f0f0f0full;
	return (word * 0x0101010101010101ull) >> 56;
}

/* Bits that are set among those at this address; FD_BITS at most. Not inline: verified once, used often. */
__noinline __u32 count_bits(__u64 address, __u32 bits)
{
	__u64 words[FD_WORDS] = {};
	__u32 size, n = 0;

	if (bits > FD_BITS)
		bits = FD_BITS;
	size = (bits + 63) / 64 * 8;
	/* The compiler knows this already; 6.1's verifier does not. */
	barrier_var(size);
	if (size > FD_WORDS * 8 || bpf_probe_read_kernel(words, size, (void *)address))
		return 0;
	/* A kernel of 32 bits may end its table within a word. */
	if (bits % 64)
		words[(bits / 64) % FD_WORDS] &= (1ull << bits % 64) - 1;
	for (__u32 i = 0; i < FD_WORDS; i++)
		n += bits_in(words[i]);
	return n;
}

static __always_inline __u32 open_fds(const struct fdtable *fdt)
{
	__u32 max_fds = fdt->max_fds, n = 0;
	__u64 address = 0;

	/* As a number: loaded plainly, newer kernels take it for a pointer, which is no argument. */
	bpf_core_read(&address, bpf_core_field_size(fdt->open_fds), &fdt->open_fds);
	for (__u32 i = 0; i < FD_READS_MAX; i++) {
		if (i * FD_BITS >= max_fds)
			break;
		n += count_bits(address + i * (FD_BITS / 8), max_fds - i * FD_BITS);
	}
	return n;
}

static __always_inline void fill_resident(struct tolld_usage *u, struct mm_struct *mm)
{
	__s64 pages = resident_pages(mm);

	if (pages < 0)
		return;
	u->flags |= COUNTS_MEMORY;
	u->resident_pages = pages;
}

static __always_inline bool is_uninterruptible(struct task_struct *task)
{
	struct task_struct___before_5_14 *old = (void *)task;
	__u32 state;

	state = bpf_core_field_exists(task->__state) ? task->__state : (__u32)old->state;
	return (state & TASK_UNINTERRUPTIBLE) && !(state & TASK_NOLOAD);
}

static __always_inline void fill_thread(struct tolld_usage *u, struct task_struct *task)
{
	u->cpu_ns = task->se.sum_exec_runtime;
	u->minor_faults = task->min_flt;
	u->major_faults = task->maj_flt;
	u->switches = task->nvcsw + task->nivcsw;
	if (is_uninterruptible(task))
		u->flags |= IS_UNINTERRUPTIBLE;
	if (!bpf_core_field_exists(task->ioac.read_bytes))
		return;
	u->flags |= COUNTS_IO;
	u->read_bytes = task->ioac.read_bytes;
	u->written_bytes = task->ioac.write_bytes;
}

static __always_inline void add_dead_threads(struct tolld_usage *u, struct signal_struct *signal)
{
	u->cpu_ns += signal->sum_sched_runtime;
	u->minor_faults += signal->min_flt;
	u->major_faults += signal->maj_flt;
	if (!bpf_core_field_exists(signal->ioac.read_bytes))
		return;
	u->read_bytes += signal->ioac.read_bytes;
	u->written_bytes += signal->ioac.write_bytes;
}

static __always_inline void fill_process(struct tolld_usage *u, struct task_struct *task)
{
	struct files_struct *files = task->files;
	struct mm_struct *mm = task->mm;

	if (!mm || !files)
		return;
	u->flags |= HOLDS_PROCESS;
	fill_resident(u, mm);
	if (task->signal->flags & SIGNAL_STOP_STOPPED)
		u->flags |= IS_STOPPED;
	if (task->jobctl & JOBCTL_TRAP_FREEZE)
		u->flags |= IS_FROZEN;
	u->threads = task->signal->nr_threads;
	u->max_fds = task->signal->rlim[RLIMIT_NOFILE].rlim_cur;
	if (!memory_is_readable)
		return;
	u->flags |= COUNTS_FDS;
	/* The table stays for as long as the program runs, which is under RCU. */
	u->open_fds = open_fds(files->fdt);
}

/* Nobody watches it: does a record say all the same that the iterator has come so far? */
static __always_inline bool shows_progress(const struct bpf_iter_meta *meta)
{
	return meta->seq_num % TOLLD_PASSED_OVER == 0;
}

SEC("iter/task")
int tolld_usage(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct watched_process *entry;
	struct tolld_usage usage = {};
	bool leads;

	if (!task || task->signal->live.counter <= 0)
		return 0;
	entry = watched(task);
	if (!entry) {
		if (shows_progress(ctx->meta))
			bpf_seq_write(ctx->meta->seq, &usage, sizeof(usage));
		return 0;
	}
	leads = task->pid == task->tgid;
	usage.pid = task->tgid;
	usage.thread = task->pid;
	usage.start_boottime_ns = start_of(task);
	usage.family_pid = entry->family_pid;
	fill_thread(&usage, task);
	if (leads)
		add_dead_threads(&usage, task->signal);
	/* A leader that has left holds nothing any more: any of its threads will do. */
	if (leads || !task->group_leader->mm)
		fill_process(&usage, task);
	bpf_seq_write(ctx->meta->seq, &usage, sizeof(usage));
	return 0;
}

/* Sees every open file of the machine: user space asks for it less often where there are many. */
SEC("iter/task_file")
int tolld_sockets(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct tolld_socket record = {};
	struct file *file = ctx->file;
	struct socket *socket;

	if (!task || !file)
		return 0;
	socket = watched(task) ? bpf_sock_from_file(file) : NULL;
	if (!socket) {
		if (shows_progress(ctx->meta))
			bpf_seq_write(ctx->meta->seq, &record, sizeof(record));
		return 0;
	}
	record.pid = task->tgid;
	record.start_boottime_ns = start_of(task);
	record.inode = file->f_inode->i_ino;
	if (socket->sk) {
		record.state = socket->sk->__sk_common.skc_state;
		record.family = socket->sk->__sk_common.skc_family;
	}
	bpf_seq_write(ctx->meta->seq, &record, sizeof(record));
	return 0;
}

#endif
