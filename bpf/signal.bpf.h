/*
 * signal.bpf.h - who sent the signal, and whom the OOM killer chose.
 */
#ifndef TOLLD_SIGNAL_BPF_H
#define TOLLD_SIGNAL_BPF_H

#include "memory.bpf.h"

/* Signal numbers below are those of x86, arm and riscv, the machines that tolld is built for. */
#define SIGHUP	 1
#define SIGINT	 2
#define SIGQUIT	 3
#define SIGKILL	 9
#define SIGTERM	 15
#define SIGCHLD	 17
#define SIGCONT	 18
#define SIGSTOP	 19
#define SIGTSTP	 20
#define SIGTTIN	 21
#define SIGTTOU	 22
#define SIGURG	 23
#define SIGWINCH 28

#define SIGNALS_ALL_BUT_REALTIME 31
#define BIT(n)			 (1u << (n))

/* What an administrator or a service manager sends to make a process end itself. */
#define STOP_REQUESTS (BIT(SIGHUP) | BIT(SIGINT) | BIT(SIGQUIT) | BIT(SIGTERM))
/* Their default is not to end the process. */
#define HARMLESS                                                                                   \
	(BIT(SIGCHLD) | BIT(SIGCONT) | BIT(SIGSTOP) | BIT(SIGTSTP) | BIT(SIGTTIN) | BIT(SIGTTOU) | \
		BIT(SIGURG) | BIT(SIGWINCH))
/* SIGALRM, SIGPROF, SIGPIPE, SIGUSR1 and the like come often and are handled: remembered, not told. */
#define ROUTINE (BIT(10) | BIT(12) | BIT(13) | BIT(14) | BIT(26) | BIT(27) | BIT(29))

#define SI_TIMER   (-2)
#define SI_MESGQ   (-3)
#define SI_ASYNCIO (-4)
#define SI_SIGIO   (-5)
#define SI_ASYNCNL (-60)
#define SI_KERNEL  0x80
#define SI_USER	   0

#define SEND_SIG_NOINFO 0 /* the current process, on its own behalf */
#define SEND_SIG_PRIV	1 /* the kernel */

#define TRACE_SIGNAL_DELIVERED 0

/*
 * The last process that the kernel itself killed. Before 6.9 mark_victim tells a thread only, and the
 * OOM killer, one at a time under a lock, sends its SIGKILL just before.
 */
static __u32 last_killed_thread;
static __u32 last_killed_process;
static __u64 last_killed_start_ns;

/*
 * Some kernels (6.12 is one) take the tracepoint's siginfo for a bare number, because it may be one of
 * two small numbers instead of a pointer. There it must be read by a helper, which
 * lockdown=confidentiality withdraws; so the loader tries the plain load first.
 */
#ifndef WITHOUT_KERNEL_BTF
const volatile bool siginfo_is_typed = true;
#else
#define siginfo_is_typed true
#endif

static __always_inline int si_code_of(struct kernel_siginfo *info)
{
	__u64 number = (__u64)info;

	if (number == SEND_SIG_NOINFO)
		return SI_USER;
	if (number == SEND_SIG_PRIV)
		return SI_KERNEL;
	return siginfo_is_typed ? READ(info, si_code) : BPF_CORE_READ(info, si_code);
}

static __always_inline bool is_from_current(int si_code)
{
	return si_code <= 0 && si_code != SI_TIMER && si_code != SI_MESGQ &&
	       si_code != SI_ASYNCIO && si_code != SI_SIGIO && si_code != SI_ASYNCNL;
}

static __always_inline void fill_signal(struct tolld_signal *s, int signal, int si_code)
{
	s->signal = signal;
	s->sender = SENT_BY_THE_KERNEL;
	s->at_boottime_ns = bpf_ktime_get_boot_ns();
	if (!is_from_current(si_code))
		return;
	s->sender = SENT_BY_A_PROCESS;
	s->sender_pid = bpf_get_current_pid_tgid() >> 32;
	s->sender_uid = (__u32)bpf_get_current_uid_gid();
	bpf_get_current_comm(s->sender_comm, sizeof(s->sender_comm));
}

/*
 * A program that was told to go may clean up and then raise the same signal again, to die of it: a
 * shell does, and every program in Go. Who told it is the cause, not itself.
 */
static __always_inline void keep_signal(
	struct tolld_signal *kept, const struct tolld_signal *s, __u32 target)
{
	if (kept->signal == s->signal && s->sender == SENT_BY_A_PROCESS && s->sender_pid == target)
		return;
	*kept = *s;
}

/*
 * Runs in the sender. The kernel holds the target's siglock here, so nobody else writes to its entry.
 * A process without an entry costs this one look-up.
 */
TRACEPOINT("signal_generate")
int BPF_PROG(tolld_signal, int sig, struct kernel_siginfo *info, struct task_struct *task,
	int group, int result)
{
	struct watched_process *entry;
	struct tolld_signal_event *e;
	struct tolld_signal s = {};

	if (result != TRACE_SIGNAL_DELIVERED || sig < 1 || sig > SIGNALS_ALL_BUT_REALTIME ||
		(BIT(sig) & HARMLESS))
		return 0;
	entry = watched(task);
	if (!entry || entry->role != IS_WATCHED)
		return 0;

	fill_signal(&s, sig, si_code_of(info));
	keep_signal(
		BIT(sig) & STOP_REQUESTS ? &entry->last_stop_request : &entry->last_fatal_signal,
		&s, READ(task, tgid));
	if (sig == SIGKILL && s.sender == SENT_BY_THE_KERNEL) {
		last_killed_thread = READ(task, pid);
		last_killed_process = READ(task, tgid);
		last_killed_start_ns = start_of(task);
	}
	if (BIT(sig) & ROUTINE)
		return 0;
	e = event_reserve(TOLLD_SIGNAL, sizeof(*e), READ(task, tgid), start_of(task));
	if (!e)
		return 0;
	e->signal = s;
	bpf_ringbuf_submit(e, 0);
	return 0;
}

/* The kernel holds the task's lock here, so that its memory stays its own. */
static __always_inline void fill_victim(struct tolld_oom_event *e, struct task_struct *task)
{
	struct mm_struct *mm = READ(task, mm);

	READ_COMM(e->comm, READ(task, group_leader));
	if (mm)
		e->resident_pages = resident_pages(mm);
}

/*
 * Not filtered: it is rare, and the victim's exit may have come first on another CPU and have taken
 * its entry along. The argument is a task since 6.9 and in older stable kernels, else a thread's number.
 */
TRACEPOINT("mark_victim")
int tolld_oom(__u64 *ctx)
{
	__u32 thread, pid = 0;
	struct task_struct *task = NULL;
	struct tolld_oom_event *e;
	__u64 start = 0;

	if (bpf_core_field_exists(struct trace_event_raw_mark_victim, uid)) {
		task = (struct task_struct *)ctx[0];
		thread = READ(task, pid);
		pid = READ(task, tgid);
		start = start_of(task);
	} else {
		thread = (__u32)ctx[0];
		if (thread == last_killed_thread) {
			pid = last_killed_process;
			start = last_killed_start_ns;
		}
	}
	e = event_reserve(TOLLD_OOM, sizeof(*e), pid, start);
	if (!e)
		return 0;
	e->thread = thread;
	e->unused = 0;
	e->resident_pages = -1;
	__builtin_memset(e->comm, 0, sizeof(e->comm));
	if (bpf_core_field_exists(struct trace_event_raw_mark_victim, uid))
		fill_victim(e, task);
	bpf_ringbuf_submit(e, 0);
	return 0;
}

#endif
