/*
 * hang.bpf.h - threads that wait for the kernel and do not come back, as its own watchdog finds them.
 */
#ifndef TOLLD_HANG_BPF_H
#define TOLLD_HANG_BPF_H

#include "process.bpf.h"

static struct budget hangs;

/*
 * Runs in khungtaskd, for each of them at each of its rounds. Not filtered: a unit's processes are in no map
 * but the main one. When a disk is gone thousands may hang: the first ones are told, and all
 * others are found by whoever reads what they use.
 */
TRACEPOINT("sched_process_hang")
int BPF_PROG(tolld_hang, struct task_struct *task)
{
	struct tolld_hang_event *e;
	struct watched_process *entry;

	if ((READ(task, flags) & PF_KTHREAD) || !has_left(&hangs, TOLLD_HANGS))
		return 0;
	entry = watched(task);
	e = event_reserve(TOLLD_HANG, sizeof(*e), READ(task, tgid), start_of(task));
	if (!e)
		return 0;
	e->thread = READ(task, pid);
	e->family_pid = entry ? entry->family_pid : 0;
	e->switches = READ(task, nvcsw) + READ(task, nivcsw);
	READ_COMM(e->comm, task);
	bpf_ringbuf_submit(e, 0);
	return 0;
}

#endif
