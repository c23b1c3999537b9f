/*
 * unit_services.c - what systemd says of a unit, handed to its services: their processes, their ends, their state.
 */
#include "watch/units_private.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>
#include "watch/cause.h"
#include "watch/cgroup.h"
#include "watch/owners.h"
#include "watch/procfs.h"

/* -- programs ------------------------------------------------------------------------------- */

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static void tell_program(struct unit *unit)
{
	const struct watch *watch = unit->units->watch;

	if (unit->told_program && watch->ops->add_program)
		watch->ops->add_program(
			watch->backend, unit->told_program, 0, SYSTEMD_PID, unit->name);
}

void units_tell_programs(struct watch *watch)
{
	if (!watch->units)
		return;
	map_foreach (&watch->units->by_name, e)
		tell_program(e->value);
}

/* Its main process is watched from its exec on, however soon it ends. */
static void look_for_program(struct unit *unit)
{
	struct watch *watch = unit->units->watch;
	const char *program =
		unit->n && unit_starts_main(&unit->facts) ? base_name(unit->facts.program) : NULL;

	if (!watch->ops->add_program)
		return;
	if (unit->told_program && (!program || !streq(program, unit->told_program))) {
		watch->ops->remove_program(watch->backend, unit->told_program, 0, SYSTEMD_PID);
		free(unit->told_program);
		unit->told_program = NULL;
		units_tell_programs(watch);
	}
	if (!program || unit->told_program)
		return;
	unit->told_program = strdup(program);
	tell_program(unit);
}

/* -- services of a unit --------------------------------------------------------------------- */

int unit_add_service(struct unit *unit, struct service *service)
{
	if (!vec_reserve(unit->services, unit->n, unit->cap))
		return -ENOMEM;
	unit->services[unit->n++] = service;
	service->of_unit = unit;
	free(service->unit);
	service->unit = strdup(unit->name);
	return 0;
}

void unit_remove_service(struct unit *unit, struct service *service)
{
	for (size_t i = 0; i < unit->n; i++) {
		if (unit->services[i] == service)
			unit->services[i] = unit->services[--unit->n];
	}
	service->of_unit = NULL;
	look_for_program(unit);
}

struct service *unit_service_by_pattern(const struct unit *unit, const struct selection *s)
{
	for (size_t i = 0; i < unit->n; i++) {
		if (unit->services[i]->selection == s)
			return unit->services[i];
	}
	return NULL;
}

static bool is_named(const struct unit *unit)
{
	for (size_t i = 0; i < unit->n; i++) {
		if (unit->services[i]->selection->service)
			return true;
	}
	return false;
}

/* -- processes ------------------------------------------------------------------------------ */

static bool watch_member(struct watch *watch, const char *name, pid_t pid, struct process *ret)
{
	if (watch->ops->add_process(watch->backend, pid, name, ret))
		return false;
	watch->ops->drain(watch->backend);
	if (!services_is_dead(&watch->services, ret))
		return true;
	services_let_go(&watch->services, ret);
	return false;
}

static void adopt(struct service *service, const struct process *process)
{
	/* Another took its place: either the old one is dead and nobody has told yet, or it retires. */
	if (service->owner.pid && !process_same(&service->owner, process) &&
		process_is_gone(&service->owner))
		services_owner_gone(service, clock_now());
	services_adopt(service, process, clock_now());
}

static void own_main(struct unit *unit, struct service *service)
{
	struct process process;

	if (service->owner.pid == unit->facts.info.main_pid)
		return;
	if (watch_member(unit->units->watch, service->name, unit->facts.info.main_pid, &process))
		adopt(service, &process);
}

/* The oldest process of its group that lives, and is not `but`. */
static pid_t best_of(const struct group_pids *pids, pid_t but)
{
	int64_t best_start = INT64_MAX;
	pid_t best = 0;

	for (size_t i = 0; i < pids->n; i++) {
		struct process_stat stat;

		if (!pids->items[i] || pids->items[i] == but ||
			process_stat_read(pids->items[i], &stat) || process_stat_is_dead(&stat) ||
			stat.start_boot_ns >= best_start)
			continue;
		best = pids->items[i];
		best_start = stat.start_boot_ns;
	}
	return best;
}

static void list_members(const struct unit *unit, struct group_pids *ret)
{
	*ret = (struct group_pids){ 0 };
	if (unit->facts.control_group && *unit->facts.control_group)
		group_list(&unit->units->roots, unit->facts.control_group, ret);
}

/* Those of the group that are about to die come first, as the oldest, and are not to be had. */
static bool watch_best(struct unit *unit, struct service *service, struct group_pids *pids,
	pid_t but, struct process *ret)
{
	pid_t best;

	for (int tries = 0; tries < OWNERS_MAX && (best = best_of(pids, but)); tries++) {
		if (watch_member(unit->units->watch, service->name, best, ret))
			return true;
		for (size_t i = 0; i < pids->n; i++) {
			if (pids->items[i] == best)
				pids->items[i] = 0;
		}
	}
	return false;
}

/* Where systemd knows no main process, whoever is in the group is the service. */
static void own_best(struct unit *unit, struct service *service, struct group_pids *pids)
{
	struct process process;

	for (size_t i = 0; i < pids->n; i++) {
		if (pids->items[i] == service->owner.pid)
			return;
	}
	if (watch_best(unit, service, pids, 0, &process))
		adopt(service, &process);
}

bool units_heir(struct service *service, struct process *ret)
{
	struct unit *unit = service->of_unit;
	struct group_pids pids;
	bool found;

	if (!unit)
		return false;
	list_members(unit, &pids);
	found = watch_best(unit, service, &pids, service->owner.pid, ret);
	free(pids.items);
	return found;
}

/* -- lives that only systemd saw ------------------------------------------------------------ */

/* systemd's times are of a clock that stands still in suspend. */
static struct instant instant_of_us(int64_t monotonic_us)
{
	struct instant now = clock_now();
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return instant_at(now, now.boot_ns - (ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec -
						     monotonic_us * NSEC_PER_USEC));
}

static void tell_missed(struct unit *unit, struct service *service)
{
	static const struct tolld_signal none = { 0 };
	const struct unit_main *main = &unit->facts.main;
	uint32_t wait_status = unit_wait_status(main);
	struct death death = {
		.pid = main->pid,
		.start_boot_ns = instant_of_us(main->started_us).boot_ns,
		.at = instant_of_us(main->ended_us),
		.sender_untold = true,
		.final = true,
	};

	snprintf(death.comm, sizeof(death.comm), "%s",
		unit->facts.program ? base_name(unit->facts.program) : "");
	death_from_wait_status(&death, wait_status, &none, &none);
	if (wait_status || !service->standing.may_end)
		services_missed(service, &death, clock_now());
}

/* How one ended of whom only the end was seen. */
static void tell_status(struct unit *unit, struct service *service)
{
	const struct death *death = &service->last_death;
	struct notice notice = {
		.kind = NOTICE_STATUS,
		.process = { .pid = death->pid, .start_boot_ns = death->start_boot_ns },
		.at_boot_ns = death->at.boot_ns,
		.exit.wait_status = unit_wait_status(&unit->facts.main),
	};

	if (service->died && death->kind == DEATH_UNKNOWN && death->pid == unit->facts.main.pid)
		services_notice(&unit->units->watch->services, &notice, clock_now());
}

static void account_for_end(struct unit *unit, struct service *service)
{
	const struct unit_main *main = &unit->facts.main;

	if (!main->pid || !main->ended_us || main->started_us <= unit->told_us)
		return;
	/* What ended before anybody watched is no news. */
	if (!service->unasked && service->last_pid != main->pid)
		tell_missed(unit, service);
	else
		tell_status(unit, service);
}

/* systemd saw its end before we did. */
static void tell_end(struct unit *unit, struct service *service)
{
	const struct unit_main *main = &unit->facts.main;
	struct notice notice = {
		.kind = NOTICE_EXIT,
		.process = service->owner,
		.at_boot_ns = instant_of_us(main->ended_us).boot_ns,
		.exit = { .wait_status = unit_wait_status(main), .sender_untold = true },
	};

	if (main->ended_us && main->pid == service->owner.pid)
		services_notice(&unit->units->watch->services, &notice, clock_now());
	else
		services_owner_gone(service, clock_now());
}

/* Restarts of which not even systemd kept more than their number. */
static void count_restarts(struct unit *unit, struct service *service, bool is_first)
{
	unsigned told = unit->facts.info.restarts;

	if (is_first || told < service->unit_info.restarts)
		service->restarts_ahead = (int64_t)told - service->restarts;
	if (!service->owner.pid || (int64_t)told - service->restarts_ahead <= service->restarts)
		return;
	service->deaths += (unsigned)(told - service->restarts_ahead - service->restarts);
	service->restarts = (unsigned)(told - service->restarts_ahead);
}

/* -- what it all means ---------------------------------------------------------------------- */

static void take_group(struct unit *unit, struct service *service)
{
	const char *group = unit->facts.control_group;

	/* Of one that is not active it is where its processes were. */
	if (!group || !*group || (service->cgroup && streq(service->cgroup, group)))
		return;
	free(service->cgroup);
	service->cgroup = strdup(group);
}

static void find_process(struct unit *unit, struct service *service, const struct unit_verdict *v)
{
	struct group_pids pids;

	list_members(unit, &pids);
	service->processes = pids.n;
	if (v->standing.main_told)
		own_main(unit, service);
	else if (v->is_running)
		own_best(unit, service, &pids);
	else if (v->has_ended && service->owner.pid)
		unit->units->watch->ops->drain(unit->units->watch->backend);
	/* Something is left over that is not the service any more. */
	if (v->has_ended && service->owner.pid && !v->standing.main_told) {
		if (process_lives(&service->owner))
			services_leave(service, clock_now());
		else
			tell_end(unit, service);
	}
	free(pids.items);
}

static void update_service(struct unit *unit, struct service *service, const struct unit_verdict *v)
{
	bool is_first = service->unasked;
	bool new_result = !streq(service->unit_info.result, unit->facts.info.result);
	struct standing standing = v->standing;

	/* What systemd says may be from before the death that the kernel told of. */
	if (service->died_since_up && v->is_running && unit->facts.info.main_pid &&
		unit->facts.info.main_pid == service->last_pid)
		standing.empty_ok = false;
	take_group(unit, service);
	service->standing = standing;
	account_for_end(unit, service);
	find_process(unit, service, v);
	count_restarts(unit, service, is_first);
	service->unit_info = unit->facts.info;
	service->has_unit_info = true;
	services_stand(service, &standing, clock_now());
	/* systemd may know more of why: its watchdog, a limit. */
	if (new_result && service->died && service->last_death.final && !is_first)
		service_told_more(service);
}

static void add_by_patterns(struct unit *unit, const struct unit_verdict *v)
{
	struct watch *watch = unit->units->watch;

	if (!v->is_expected || is_named(unit) || !unit_is_service(unit->name))
		return;
	for (size_t i = 0; i < watch->finder.n; i++) {
		struct selection *s = watch->finder.items[i];
		struct service *service;

		/* The first pattern that fits has it. */
		if (unit->n || s->kind != SELECT_UNIT || s->service ||
			!unit_fits(s->text, unit->name))
			continue;
		if (selection_add_service(s, unit->name, &service))
			return;
		if (unit_add_service(unit, service)) {
			selection_remove_service(service);
			return;
		}
		selection_tell_added(service);
	}
}

static void drop_by_patterns(struct unit *unit, const struct unit_verdict *v)
{
	bool named = is_named(unit);

	for (size_t i = unit->n; i-- > 0;) {
		struct service *service = unit->services[i];

		if (service->selection->service || (v->is_expected && !named))
			continue;
		unit_remove_service(unit, service);
		selection_remove_service(service);
	}
}

static bool is_trigger_active(const struct unit *unit)
{
	for (size_t i = 0; i < unit->facts.n_triggers; i++) {
		const struct unit *trigger = unit_find(unit->units, unit->facts.triggers[i]);

		if (trigger && streq(trigger->facts.info.active_state, "active"))
			return true;
	}
	return false;
}

/* What starts it decides whether it may be without a process: it is asked at the same time. */
static bool are_triggers_known(const struct unit *unit)
{
	for (size_t i = 0; i < unit->facts.n_triggers; i++) {
		const struct unit *trigger = unit_find(unit->units, unit->facts.triggers[i]);

		if (trigger && !trigger->known)
			return false;
	}
	return true;
}

static void note_stop(struct unit *unit)
{
	const struct unit_info *info = &unit->facts.info;

	if (streq(info->active_state, "active") || streq(info->active_state, "activating"))
		unit->was_stopped = false;
	/* One that waits for its restart ends only where somebody does not want it any more. */
	if ((streq(info->active_state, "deactivating") && starts_with(info->sub_state, "stop")) ||
		(streq(info->active_state, "inactive") && unit->was_waiting))
		unit->was_stopped = true;
	unit->was_waiting = streq(info->sub_state, "auto-restart");
	/* Both came before its state was told. */
	for (size_t i = 0; i < unit->n; i++) {
		const struct death *death = &unit->services[i]->last_death;

		if (unit->services[i]->died_since_up && death->has_sender &&
			death->sender_pid == SYSTEMD_PID)
			unit->was_stopped = true;
	}
}

void unit_changed(struct unit *unit)
{
	struct unit_verdict v;

	if (!unit->known || !are_triggers_known(unit))
		return;
	unit->facts.trigger_active = is_trigger_active(unit);
	note_stop(unit);
	unit_judge(&unit->facts, unit->was_stopped, &v);
	drop_by_patterns(unit, &v);
	add_by_patterns(unit, &v);
	look_for_program(unit);
	for (size_t i = 0; i < unit->n; i++)
		update_service(unit, unit->services[i], &v);
	if (unit->facts.main.ended_us)
		unit->told_us = MAX(unit->told_us, unit->facts.main.started_us);
}

/* -- from the kernel ------------------------------------------------------------------------ */

static bool may_be_main(const struct unit *unit, const struct notice *notice)
{
	char comm[WATCH_COMM_MAX];

	if (!unit->told_program)
		return false;
	snprintf(comm, sizeof(comm), "%s", unit->told_program);
	return streq(comm, notice->process.comm);
}

/* Whose main process it is, where there is no doubt: by its group, or, if it is gone, as the only one. */
static struct unit *unit_of_started(struct units *units, const struct notice *notice)
{
	struct strbuf group = STRBUF_INIT;
	bool told = process_cgroup(notice->process.pid, &group) == 0;
	struct unit *found = NULL;
	size_t n = 0;

	map_foreach (&units->by_name, e) {
		struct unit *unit = e->value;
		scoped(freep) char *of = NULL;

		if (!may_be_main(unit, notice))
			continue;
		of = told ? cgroup_unit(group.s) : NULL;
		if (told && (!of || !streq(of, unit->name)))
			continue;
		found = unit;
		n++;
	}
	strbuf_release(&group);
	return n == 1 ? found : NULL;
}

void units_started(struct watch *watch, const struct notice *notice, struct instant at)
{
	struct unit *unit;

	if (!watch->units || notice->exec.parent != SYSTEMD_PID)
		return;
	unit = unit_of_started(watch->units, notice);
	for (size_t i = 0; unit && i < unit->n; i++) {
		if (unit->services[i]->owner.pid)
			continue;
		unit->services[i]->standing.main_told = true;
		services_started(unit->services[i], &notice->process, at);
	}
}

/* -- without systemd ------------------------------------------------------------------------ */

/* Where systemd puts it unless its settings say otherwise; NULL: there is no memory. */
static char *usual_group(const char *name)
{
	const char *at = strchr(name, '@');
	struct strbuf path = STRBUF_INIT;
	char *ret = NULL;

	strbuf_adds(&path, "/system.slice/");
	if (at) {
		strbuf_adds(&path, "system-");
		for (const char *c = name; c < at; c++) {
			if (*c == '-')
				strbuf_adds(&path, "\\x2d");
			else
				strbuf_addch(&path, *c);
		}
		strbuf_adds(&path, ".slice/");
	}
	strbuf_adds(&path, name);
	if (strbuf_finish(&path, &ret))
		strbuf_release(&path);
	return ret;
}

void unit_look_at_group(struct unit *unit)
{
	struct group_pids pids;

	if (!unit->facts.control_group || !*unit->facts.control_group) {
		free(unit->facts.control_group);
		unit->facts.control_group = usual_group(unit->name);
	}
	for (size_t i = 0; i < unit->n; i++) {
		struct service *service = unit->services[i];

		list_members(unit, &pids);
		service->processes = pids.n;
		service->standing.main_told = false;
		if (pids.n)
			take_group(unit, service);
		own_best(unit, service, &pids);
		services_stand(service, &service->standing, clock_now());
		free(pids.items);
	}
}

void units_resync(struct watch *watch)
{
	/* While systemd cannot be asked what it said is old. */
	if (!watch->units || watch->units->is_down)
		return;
	map_foreach (&watch->units->by_name, e) {
		struct unit *unit = e->value;

		if (unit_is_service(unit->name) && unit->n)
			unit_changed(unit);
	}
}
