/*
 * service_world.h - services under virtual time, beside a world that they cannot see.
 */
#ifndef TOLLD_TESTS_WATCH_SERVICE_WORLD_H
#define TOLLD_TESTS_WATCH_SERVICE_WORLD_H

#include <signal.h>
#include "watch/service_private.h"

#define MS	 NSEC_PER_MSEC
#define SEEN_MAX 64

/* The machine beside a world that it cannot see: only notices, looks and resyncs tell of it. */
static struct {
	struct services set;
	struct service *service;
	struct instant now;
	enum service_event seen[SEEN_MAX];
	struct death causes[SEEN_MAX];
	size_t n_seen;
	struct process released[SEEN_MAX];
	size_t n_released;
	bool has_heir;
	struct process heir;
	/* What is true: */
	uint64_t cookie; /* 0: nobody listens */
	struct process owner;
	bool dying; /* it is dead, and what is left of it holds the socket */
} sim;

static const struct process old = { .pid = 100, .start_boot_ns = 5000, .comm = "old" };
static const struct process fresh = { .pid = 200, .start_boot_ns = 9000, .comm = "fresh" };

static inline void on_event(struct service *service, enum service_event what, void *userdata)
{
	assert_true(sim.n_seen < SEEN_MAX);
	sim.causes[sim.n_seen] = service->last_death;
	sim.seen[sim.n_seen++] = what;
}

static inline bool on_heir(
	struct service *service, const struct notice *exit, struct process *ret, void *userdata)
{
	if (sim.has_heir)
		*ret = sim.heir;
	return sim.has_heir;
}

static inline void on_release(const struct process *process, void *userdata)
{
	assert_true(sim.n_released < SEEN_MAX);
	sim.released[sim.n_released++] = *process;
}

static const struct service_ops ops = {
	.on_event = on_event,
	.heir = on_heir,
	.release = on_release,
};

static inline struct endpoint endpoint_at(uint16_t port)
{
	return (struct endpoint){ .address = { 127, 0, 0, 1 }, .port = port };
}

static inline void advance(int64_t ns)
{
	sim.now.boot_ns += ns;
	sim.now.wall_ms += ns / MS;
}

/* Does what the machine wants by now, truthfully, until it is content. */
static inline void settle(void)
{
	for (int rounds = 0; rounds < 100; rounds++) {
		struct service *wants;

		services_due(&sim.set, sim.now);
		if (services_wants_resync(&sim.set, sim.now))
			services_resynced(&sim.set, &sim.owner, sim.owner.pid ? 1 : 0, sim.now);
		wants = services_wants_look(&sim.set, sim.now);
		if (!wants && services_next_deadline(&sim.set) > sim.now.boot_ns)
			return;
		if (wants) {
			struct look look = { .attributed = true, .dying = sim.dying };

			if (sim.cookie) {
				look.cookies[look.n_cookies++] = sim.cookie;
				if (sim.owner.pid)
					look.owners[look.n_owners++] = sim.owner;
			}
			services_look(wants, &look, sim.now);
		}
	}
	fail_msg("the machine is never content");
}

static inline void settle_for(int64_t ns)
{
	int64_t end = sim.now.boot_ns + ns;

	for (;;) {
		int64_t next = services_next_deadline(&sim.set);

		if (next > end)
			break;
		advance(MAX(next - sim.now.boot_ns, (int64_t)0));
		settle();
	}
	advance(end - sim.now.boot_ns);
}

/* A service at 127.0.0.1:9100, with `old` listening there where told so. */
static inline void begin(bool running)
{
	struct endpoint endpoint = endpoint_at(9100);

	memset(&sim, 0, sizeof(sim));
	sim.now = (struct instant){ .boot_ns = 1000 * MS, .wall_ms = 1700000000000 };
	services_init(&sim.set, &ops, sim.now);
	assert_int_equal(services_add(&sim.set, "node", "listen 127.0.0.1:9100", &endpoint, sim.now,
				 &sim.service),
		0);
	if (running) {
		sim.cookie = 1;
		sim.owner = old;
	}
	settle();
	sim.n_seen = 0;
}

static inline void end(void)
{
	services_release(&sim.set);
}

static inline struct notice exit_of(const struct process *process, uint32_t wait_status)
{
	return (struct notice){
		.kind = NOTICE_EXIT,
		.process = *process,
		.at_boot_ns = sim.now.boot_ns,
		.exit.wait_status = wait_status,
	};
}

static inline struct notice killed_by_kernel(const struct process *process)
{
	struct notice notice = exit_of(process, SIGKILL);

	notice.exit.fatal_signal = (struct tolld_signal){
		.signal = SIGKILL,
		.sender = SENT_BY_THE_KERNEL,
		.at_boottime_ns = (uint64_t)sim.now.boot_ns,
	};
	return notice;
}

static inline struct notice oom_of(const struct process *process)
{
	return (struct notice){
		.kind = NOTICE_OOM,
		.process = *process,
		.victim = { .thread = process->pid, .oom = { OOM_OF_GROUP, "/web" } },
		.at_boot_ns = sim.now.boot_ns,
	};
}

static inline struct notice listens(const struct process *process, uint64_t cookie, bool opened)
{
	return (struct notice){
		.kind = NOTICE_LISTEN,
		.process = *process,
		.at_boot_ns = sim.now.boot_ns,
		.listen = { .endpoint = endpoint_at(9100), .cookie = cookie, .opened = opened },
	};
}

static inline void tell(struct notice notice)
{
	services_notice(&sim.set, &notice, sim.now);
}

static inline void assert_seen(const enum service_event *events, size_t n)
{
	assert_int_equal(sim.n_seen, n);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(sim.seen[i], events[i]);
}

#define ASSERT_SEEN(...)                                                                           \
	assert_seen((const enum service_event[]){ __VA_ARGS__ },                                   \
		ARRAY_SIZE(((const enum service_event[]){ __VA_ARGS__ })))

static inline bool is_up_with(const struct process *process)
{
	return !sim.service->doubtful && sim.service->state == SERVICE_UP &&
	       process_same(&sim.service->owner, process);
}

#endif
