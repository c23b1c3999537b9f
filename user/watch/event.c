/*
 * event.c - what the kernel programs tell, as notices.
 */
#include "watch/event.h"

void event_comm(char to[WATCH_COMM_MAX], const char from[TOLLD_COMM_MAX])
{
	memcpy(to, from, WATCH_COMM_MAX);
	to[WATCH_COMM_MAX - 1] = '\0';
}

static void exit_notice(const void *record, uint64_t page_bytes, struct notice *n)
{
	const struct tolld_exit_event *e = record;

	n->kind = NOTICE_EXIT;
	event_comm(n->process.comm, e->comm);
	n->exit.wait_status = e->wait_status;
	n->exit.family = (pid_t)e->family_pid;
	/* One that was forked itself may have siblings. */
	n->exit.forked = e->forked || e->family_pid != e->event.pid;
	n->exit.threads = e->threads;
	n->exit.has_cpu = n->exit.has_faults = true;
	n->exit.cpu_ns = (int64_t)e->cpu_ns;
	n->exit.minor_faults = e->minor_faults;
	n->exit.major_faults = e->major_faults;
	n->exit.has_peak_memory = e->peak_rss_pages != 0;
	n->exit.peak_memory_bytes = e->peak_rss_pages * page_bytes;
	n->exit.fatal_signal = e->fatal_signal;
	n->exit.stop_request = e->stop_request;
}

static void exec_notice(const void *record, uint64_t page_bytes, struct notice *n)
{
	const struct tolld_exec_event *e = record;

	n->kind = NOTICE_EXEC;
	event_comm(n->process.comm, e->comm);
	n->exec.was_looked_for = e->was_looked_for;
	n->exec.parent = (pid_t)e->parent_pid;
	n->exec.inode = e->inode;
}

static void signal_notice(const void *record, uint64_t page_bytes, struct notice *n)
{
	const struct tolld_signal_event *e = record;

	n->kind = NOTICE_SIGNAL;
	n->signal = e->signal;
}

static void oom_notice(const void *record, uint64_t page_bytes, struct notice *n)
{
	const struct tolld_oom_event *e = record;

	n->kind = NOTICE_OOM;
	event_comm(n->process.comm, e->comm);
	n->victim.thread = (pid_t)e->thread;
	n->victim.has_memory = e->resident_pages >= 0;
	n->victim.memory_bytes =
		n->victim.has_memory ? (uint64_t)e->resident_pages * page_bytes : 0;
}

static void listen_notice(const void *record, uint64_t page_bytes, struct notice *n)
{
	const struct tolld_listen_event *e = record;

	n->kind = NOTICE_LISTEN;
	event_comm(n->process.comm, e->comm);
	n->listen.cookie = e->cookie;
	n->listen.opened = e->opened;
	n->listen.endpoint = (struct endpoint){
		.port = e->port,
		.ipv6 = e->ipv6,
		.ipv6_only = e->ipv6_only,
	};
	memcpy(n->listen.endpoint.address, e->address, sizeof(e->address));
}

static void hang_notice(const void *record, uint64_t page_bytes, struct notice *n)
{
	const struct tolld_hang_event *e = record;

	n->kind = NOTICE_HANG;
	event_comm(n->process.comm, e->comm);
	n->hang.thread = (pid_t)e->thread;
	n->hang.family = (pid_t)e->family_pid;
	n->hang.switches = e->switches;
}

static const struct {
	size_t size;
	void (*read)(const void *record, uint64_t page_bytes, struct notice *n);
} event_kinds[TOLLD_EVENT_TYPES] = {
	[TOLLD_EXIT] = { sizeof(struct tolld_exit_event), exit_notice },
	[TOLLD_EXEC] = { sizeof(struct tolld_exec_event), exec_notice },
	[TOLLD_SIGNAL] = { sizeof(struct tolld_signal_event), signal_notice },
	[TOLLD_OOM] = { sizeof(struct tolld_oom_event), oom_notice },
	[TOLLD_LISTEN] = { sizeof(struct tolld_listen_event), listen_notice },
	[TOLLD_HANG] = { sizeof(struct tolld_hang_event), hang_notice },
};

bool event_decode(const void *record, size_t size, uint64_t page_bytes, struct notice *ret)
{
	const struct tolld_event *e = record;

	if (size < sizeof(*e) || e->type >= TOLLD_EVENT_TYPES || size < event_kinds[e->type].size)
		return false;
	*ret = (struct notice){ 0 };
	ret->process.pid = (pid_t)e->pid;
	ret->process.start_boot_ns = (int64_t)e->start_boottime_ns;
	ret->at_boot_ns = (int64_t)e->at_boottime_ns;
	event_kinds[e->type].read(record, page_bytes, ret);
	return true;
}
