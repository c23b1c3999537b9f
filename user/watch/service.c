/*
 * service.c - when a service is up, when it died, and of what. Pure: time and facts are handed in.
 */
#include "watch/service_private.h"

#include <errno.h>
#include <signal.h>
#include "watch/cause.h"

/* Between live == 0 and the exit's notice lie microseconds: absent once is not yet dead. */
#define MISSING_IS_DEAD_NS (100 * NSEC_PER_MSEC)
/* An OOM mark older than this is about an earlier process with the same pid. */
#define OOM_MARK_AGE_NS (5 * NSEC_PER_SEC)

/* -- small things --------------------------------------------------------------------------- */

void service_changed(struct service *service)
{
	if (service->set->ops.on_change)
		service->set->ops.on_change(service, service->set->ops.userdata);
}

void service_tell(struct service *service, enum service_event what)
{
	service_changed(service);
	if (service->set->ops.on_event)
		service->set->ops.on_event(service, what, service->set->ops.userdata);
}

void service_set_state(struct service *service, enum service_state state, struct instant at)
{
	service->doubtful = false;
	if (service->state == state)
		return;
	service->state = state;
	service->since = at;
}

/* -- waiting for time ----------------------------------------------------------------------- */

static int64_t final_by(const struct service *service)
{
	if (!service->died || service->last_death.final)
		return BOOT_NS_NEVER;
	return service->last_death.at.boot_ns + OOM_FOLLOWS_NS;
}

static void wait_for_time(struct service *service)
{
	struct services *set = service->set;

	if (service->at_waiting)
		return;
	service->at_waiting = set->waiting_end;
	service->next_waiting = NULL;
	*set->waiting_end = service;
	set->waiting_end = &service->next_waiting;
}

static void wait_no_more(struct service *service)
{
	if (!service->at_waiting)
		return;
	*service->at_waiting = service->next_waiting;
	if (service->next_waiting)
		service->next_waiting->at_waiting = service->at_waiting;
	else
		service->set->waiting_end = service->at_waiting;
	service->at_waiting = NULL;
}

/* Something that it waited for is done. */
static void wait_for_less(struct service *service)
{
	if (service->look_boot_ns == BOOT_NS_NEVER && final_by(service) == BOOT_NS_NEVER)
		wait_no_more(service);
}

void service_look_by(struct service *service, int64_t boot_ns)
{
	if (service->expect != EXPECTED_LISTENING || boot_ns >= service->look_boot_ns)
		return;
	service->look_boot_ns = boot_ns;
	wait_for_time(service);
}

void service_looked(struct service *service)
{
	service->look_boot_ns = BOOT_NS_NEVER;
	wait_for_less(service);
}

static void death_is_final(struct service *service)
{
	service->last_death.final = true;
	wait_for_less(service);
}

/* -- who is who ----------------------------------------------------------------------------- */

static struct tomb *tomb_of(const struct services *set, const struct process *process)
{
	return set->tombs ? &set->tombs[(unsigned)process->pid % TOMBS] : NULL;
}

static void tomb_add(struct services *set, const struct process *process)
{
	/* Most of it is memory that nobody touches before as many have died. */
	if (!set->tombs)
		set->tombs = calloc(TOMBS, sizeof(*set->tombs));
	if (set->tombs)
		*tomb_of(set, process) = (struct tomb){ process->pid, process->start_boot_ns };
}

bool services_is_dead(const struct services *set, const struct process *process)
{
	const struct tomb *tomb = tomb_of(set, process);

	return tomb && process->pid && tomb->pid == process->pid &&
	       tomb->start_boot_ns == process->start_boot_ns;
}

static struct service **bucket_of(struct services *set, pid_t pid)
{
	return &set->by_pid[(unsigned)pid % SERVICE_BUCKETS];
}

void service_set_owner(struct service *service, const struct process *process)
{
	struct service **at;

	if (service->owner.pid) {
		at = bucket_of(service->set, service->owner.pid);
		while (*at != service)
			at = &(*at)->next_in_bucket;
		*at = service->next_in_bucket;
	}
	service->owner = process ? *process : (struct process){ 0 };
	if (!service->owner.pid)
		return;
	service->last_pid = service->owner.pid;
	/* At the end: of several services of one process the first one is told of first. */
	at = bucket_of(service->set, service->owner.pid);
	while (*at)
		at = &(*at)->next_in_bucket;
	service->next_in_bucket = NULL;
	*at = service;
}

struct service *services_of(
	const struct services *set, const struct process *process, const struct service *after)
{
	struct service *s =
		after ? after->next_in_bucket : *bucket_of((struct services *)set, process->pid);

	while (s && !process_same(&s->owner, process))
		s = s->next_in_bucket;
	return s;
}

void services_let_go(struct services *set, const struct process *process)
{
	if (process->pid && set->ops.release && !services_of(set, process, NULL))
		set->ops.release(process, set->ops.userdata);
}

/* -- life ----------------------------------------------------------------------------------- */

void services_init(struct services *set, const struct service_ops *ops, struct instant now)
{
	*set = (struct services){
		.ops = *ops,
		.resync_boot_ns = now.boot_ns + RESYNC_EVERY_NS,
	};
	set->waiting_end = &set->waiting;
}

static void service_free(struct service *service)
{
	free(service->name);
	free(service->selector);
	free(service->cgroup);
	free(service->unit);
	labels_unref(service->labels);
	free(service);
}

void services_release(struct services *set)
{
	for (size_t i = 0; i < set->n; i++)
		service_free(set->items[i]);
	free(set->items);
	free(set->tombs);
	*set = (struct services){ 0 };
}

int services_add(struct services *set, const char *name, const char *selector,
	const struct endpoint *endpoint, struct instant now, struct service **ret)
{
	struct service *service;

	if (!vec_reserve(set->items, set->n, set->cap))
		return -ENOMEM;
	service = calloc(1, sizeof(*service));
	if (!service)
		return -ENOMEM;
	service->set = set;
	service->name = strdup(name);
	service->selector = strdup(selector);
	if (!service->name || !service->selector) {
		service_free(service);
		return -ENOMEM;
	}
	service->number = ++set->last_number;
	service->state = SERVICE_DOWN;
	service->since.wall_ms = now.wall_ms;
	service->doubtful = true;
	service->look_boot_ns = BOOT_NS_NEVER;
	if (endpoint) {
		service->kind = SELECT_LISTEN;
		service->expect = EXPECTED_LISTENING;
		service->has_endpoint = true;
		service->endpoint = *endpoint;
		service_look_by(service, now.boot_ns);
	}
	set->items[set->n++] = service;
	*ret = service;
	return 0;
}

void services_remove(struct service *service)
{
	struct services *set = service->set;
	struct process owner = service->owner;
	size_t i = set->n - 1;

	/* From the end: when many go, the last goes first. */
	while (set->items[i] != service)
		i--;
	memmove(&set->items[i], &set->items[i + 1], (set->n - i - 1) * sizeof(*set->items));
	set->n--;
	service_set_owner(service, NULL);
	wait_no_more(service);
	service_free(service);
	services_let_go(set, &owner);
}

void services_adopt(struct service *service, const struct process *process, struct instant at)
{
	struct process before = service->owner;
	bool is_new = !process_same(&before, process) || service->state != SERVICE_UP;

	if (!service->has_endpoint) {
		selected_adopt(service, process, at);
		return;
	}
	service_set_owner(service, process);
	service->missing_boot_ns = 0;
	service->looks_in_vain = 0;
	if (!process_same(&before, process)) {
		service->last_signal = (struct tolld_signal){ 0 };
		services_let_go(service->set, &before);
	}
	service_set_state(service, SERVICE_UP, at);
	if (!is_new)
		return;
	if (service->died_since_up)
		service->restarts++;
	service->died_since_up = false;
	service_tell(service, SERVICE_APPEARED);
}

/* -- death ---------------------------------------------------------------------------------- */

static const struct oom_mark *oom_marked(
	const struct services *set, const struct process *process, int64_t at_boot_ns)
{
	size_t n = MIN(set->n_ooms, (size_t)OOM_MARKS);

	for (size_t i = 0; i < n; i++) {
		const struct oom_mark *mark = &set->ooms[i];
		int64_t apart_ns = at_boot_ns - mark->at_boot_ns;

		if (apart_ns > OOM_MARK_AGE_NS || apart_ns < -OOM_MARK_AGE_NS)
			continue;
		if (mark->process.start_boot_ns ? process_same(&mark->process, process)
						: mark->thread == process->pid)
			return mark;
	}
	return NULL;
}

/* Every death by SIGKILL that no process is known to have sent may turn out to be the OOM killer's. */
static bool may_be_oom(const struct death *death)
{
	if (death->kind == DEATH_UNKNOWN)
		return death->untold != TOLD;
	return death->kind == DEATH_SIGNAL && death->signal == SIGKILL && !death->has_sender;
}

void service_die(struct service *service, const struct death *death)
{
	service->last_death = *death;
	if (may_be_oom(death))
		service->last_death.final = false;
	service->died = true;
	if (service->last_death.final)
		wait_for_less(service);
	else
		wait_for_time(service);
	service->died_since_up = true;
	service->deaths++;
	service_set_owner(service, NULL);
	service->missing_boot_ns = 0;
	service->last_signal = (struct tolld_signal){ 0 };
	/* Until systemd says that it stands well without a process. */
	service->standing.empty_ok = false;
	service_set_state(service, SERVICE_DOWN, death->at);
	service_tell(service, SERVICE_DIED);
}

static struct death death_of(
	const struct services *set, const struct notice *notice, struct instant now)
{
	struct death death = {
		.pid = notice->process.pid,
		.start_boot_ns = notice->process.start_boot_ns,
		.at = instant_at(now, notice->at_boot_ns),
		.kind = DEATH_UNKNOWN,
		.untold = notice->exit.untold,
		.sender_untold = notice->exit.sender_untold,
		.threads = notice->exit.threads,
		.has_cpu = notice->exit.has_cpu,
		.cpu_ns = notice->exit.cpu_ns,
		.has_faults = notice->exit.has_faults,
		.minor_faults = notice->exit.minor_faults,
		.major_faults = notice->exit.major_faults,
		.has_peak_memory = notice->exit.has_peak_memory,
		.peak_memory_bytes = notice->exit.peak_memory_bytes,
		.final = !notice->exit.status_follows,
	};
	const struct oom_mark *mark;

	memcpy(death.comm, notice->process.comm, sizeof(death.comm));
	if (!notice->exit.untold)
		death_from_wait_status(&death, notice->exit.wait_status, &notice->exit.fatal_signal,
			&notice->exit.stop_request);
	mark = may_be_oom(&death) ? oom_marked(set, &notice->process, notice->at_boot_ns) : NULL;
	if (mark)
		death_blame_oom_killer(&death, &mark->oom);
	return death;
}

static void owner_exited(
	struct service *service, const struct notice *notice, const struct death *death)
{
	struct services *set = service->set;
	/* Where nobody knows how, that it is served on says that all is well. */
	bool clean = death->kind == DEATH_UNKNOWN ||
		     (death->kind == DEATH_EXIT && death->exit_code == 0);
	struct process heir;

	service->lived_boot_ns =
		notice->exit.lived_boot_ns ? notice->exit.lived_boot_ns : notice->at_boot_ns;
	if (!service->has_endpoint) {
		selected_exited(service, notice, death);
		return;
	}
	/* A daemon that listens, forks and lets its parent exit has not died. */
	if (clean && notice->exit.forked && service->listening && set->ops.heir &&
		set->ops.heir(service, notice, &heir, set->ops.userdata)) {
		services_adopt(service, &heir, death->at);
		return;
	}
	service_die(service, death);
	if (service->listening)
		service_look_by(service, death->at.boot_ns + LOOK_AFTER_DEATH_NS);
}

static void notice_exit(struct services *set, const struct notice *notice, struct instant now)
{
	struct service *service;
	struct death death;

	if (services_is_dead(set, &notice->process))
		return;
	tomb_add(set, &notice->process);
	death = death_of(set, notice, now);
	/* Each of them loses it, and may take another. */
	service = services_of(set, &notice->process, NULL);
	while (service) {
		struct service *next = services_of(set, &notice->process, service);

		owner_exited(service, notice, &death);
		service = next;
	}
}

static void notice_oom(struct services *set, const struct notice *notice)
{
	struct oom_mark *mark = &set->ooms[set->n_ooms++ % OOM_MARKS];

	*mark = (struct oom_mark){
		.process = notice->process,
		.thread = notice->victim.thread,
		.at_boot_ns = notice->at_boot_ns,
		.oom = notice->victim.oom,
	};
	for (size_t i = 0; i < set->n; i++) {
		struct service *service = set->items[i];
		struct death *death = &service->last_death;
		struct process dead = { .pid = death->pid, .start_boot_ns = death->start_boot_ns };

		if (!service->died || !may_be_oom(death) ||
			!oom_marked(set, &dead, death->at.boot_ns))
			continue;
		death_blame_oom_killer(death, &mark->oom);
		death_is_final(service);
		service_tell(service, SERVICE_CAUSE);
	}
}

/* The parent took its time to reap it. */
static void notice_status(struct services *set, const struct notice *notice)
{
	static const struct tolld_signal none = { 0 };

	for (size_t i = 0; i < set->n; i++) {
		struct service *service = set->items[i];
		struct death *death = &service->last_death;

		if (!service->died || death->kind != DEATH_UNKNOWN ||
			death->pid != notice->process.pid ||
			death->start_boot_ns != notice->process.start_boot_ns)
			continue;
		death->untold = TOLD;
		death_from_wait_status(death, notice->exit.wait_status, &none, &none);
		death_is_final(service);
		service_tell(service, SERVICE_CAUSE);
	}
}

/* -- resync --------------------------------------------------------------------------------- */

void services_doubt(struct service *service)
{
	if (service->doubtful)
		return;
	service->doubtful = true;
	service_changed(service);
}

void service_told_more(struct service *service)
{
	service_tell(service, SERVICE_CAUSE);
}

static void notice_lost(struct services *set, struct instant now)
{
	set->resync_boot_ns = now.boot_ns;
	for (size_t i = 0; i < set->n; i++)
		services_doubt(set->items[i]);
}

void services_owner_gone(struct service *service, struct instant now)
{
	struct death death = {
		.pid = service->owner.pid,
		.start_boot_ns = service->owner.start_boot_ns,
		.at = now,
		.kind = DEATH_UNKNOWN,
		.final = true,
	};
	const struct oom_mark *mark;

	memcpy(death.comm, service->owner.comm, sizeof(death.comm));
	death_take_sender(&death, &service->last_signal);
	mark = oom_marked(service->set, &service->owner, now.boot_ns);
	if (mark)
		death_blame_oom_killer(&death, &mark->oom);
	tomb_add(service->set, &service->owner);
	/* How long ago, nobody knows: whoever is there now is taken for a new one. */
	service->lived_boot_ns = 0;
	service_die(service, &death);
}

static void owner_missing(struct service *service, struct instant now)
{
	if (!service->missing_boot_ns) {
		service->missing_boot_ns = now.boot_ns;
		service->set->resync_boot_ns =
			MIN(service->set->resync_boot_ns, now.boot_ns + MISSING_IS_DEAD_NS);
		return;
	}
	if (now.boot_ns - service->missing_boot_ns >= MISSING_IS_DEAD_NS)
		services_owner_gone(service, now);
}

int process_compare(const void *a, const void *b)
{
	const struct process *x = a, *y = b;

	return x->pid < y->pid ? -1 : x->pid > y->pid;
}

void services_resynced(
	struct services *set, const struct process *living, size_t n, struct instant now)
{
	set->resyncs++;
	set->resync_boot_ns = now.boot_ns + RESYNC_EVERY_NS;
	for (size_t i = 0; i < set->n; i++) {
		struct service *service = set->items[i];
		const struct process *found = NULL;

		if (service->owner.pid && n)
			found = bsearch(
				&service->owner, living, n, sizeof(*living), process_compare);
		if (found && process_same(found, &service->owner))
			service->missing_boot_ns = 0;
		else if (service->owner.pid)
			owner_missing(service, now);
		service_look_by(service, now.boot_ns);
		if (!service->has_endpoint && service->doubtful && !service->unasked &&
			!service->missing_boot_ns) {
			selected_decide(service, now);
			service_changed(service);
		}
	}
}

/* -- in ------------------------------------------------------------------------------------- */

static void notice_exec(struct services *set, const struct notice *notice)
{
	struct service *service = NULL;

	while ((service = services_of(set, &notice->process, service))) {
		memcpy(service->owner.comm, notice->process.comm, sizeof(service->owner.comm));
		service_changed(service);
	}
}

static void notice_signal(struct services *set, const struct notice *notice)
{
	struct service *service = NULL;

	while ((service = services_of(set, &notice->process, service)))
		service->last_signal = notice->signal;
}

void services_notice(struct services *set, const struct notice *notice, struct instant now)
{
	switch (notice->kind) {
	case NOTICE_EXIT:
		notice_exit(set, notice, now);
		break;
	case NOTICE_EXEC:
		notice_exec(set, notice);
		break;
	case NOTICE_SIGNAL:
		notice_signal(set, notice);
		break;
	case NOTICE_OOM:
		notice_oom(set, notice);
		break;
	case NOTICE_LISTEN:
		serving_notice_listen(set, notice, now);
		break;
	case NOTICE_LOST:
		notice_lost(set, now);
		break;
	case NOTICE_PORT:
		serving_notice_port(set, notice->port, now);
		break;
	case NOTICE_STATUS:
		notice_status(set, notice);
		break;
	case NOTICE_STARTS:
	case NOTICE_HANG:
		break;
	}
}

/* -- time ----------------------------------------------------------------------------------- */

int64_t services_next_deadline(const struct services *set)
{
	int64_t next = set->n ? set->resync_boot_ns : BOOT_NS_NEVER;

	for (const struct service *s = set->waiting; s; s = s->next_waiting) {
		next = MIN(next, s->look_boot_ns);
		next = MIN(next, final_by(s));
	}
	return next;
}

void services_due(struct services *set, struct instant now)
{
	struct service *next;

	for (struct service *service = set->waiting; service; service = next) {
		next = service->next_waiting;
		if (final_by(service) > now.boot_ns)
			continue;
		death_is_final(service);
		service_tell(service, SERVICE_CAUSE);
	}
}

struct service *services_wants_look(const struct services *set, struct instant now)
{
	struct service *service = set->waiting;

	while (service && service->look_boot_ns > now.boot_ns)
		service = service->next_waiting;
	return service;
}

void services_put_off(struct services *set, struct instant now)
{
	int64_t later = now.boot_ns + NSEC_PER_SEC;

	for (struct service *s = set->waiting; s; s = s->next_waiting) {
		if (s->look_boot_ns <= now.boot_ns)
			s->look_boot_ns = later;
	}
	if (set->resync_boot_ns <= now.boot_ns)
		set->resync_boot_ns = later;
}

bool services_wants_resync(const struct services *set, struct instant now)
{
	return set->n && set->resync_boot_ns <= now.boot_ns;
}
