/*
 * victims.c - whom the OOM killer ended: what is known of each put together, remembered, and told.
 */
#include "watch/victims.h"

#include <errno.h>
#include "model/timestamp.h"
#include "watch/cause.h"
#include "watch/cgroup.h"
#include "watch/procfs.h"
#include "watch/watch_private.h"

/* An exit may be told before the kill that it is of. */
#define APART_NS (5 * NSEC_PER_SEC)

void victims_add(struct victims *victims, const struct victim *victim)
{
	victims->items[victims->n++ % VICTIMS_MAX] = *victim;
}

/* -- words ---------------------------------------------------------------------------------- */

static void describe_place(
	const struct victim *victim, const struct victims_filter *filter, struct strbuf *out)
{
	const char *service = NULL;

	if (victim->service && filter->service)
		service = filter->service(victim->service, filter->userdata);
	if (service)
		strbuf_addf(out, " of %s", service);
	/* Where a limit is named it says where, too. */
	else if (*victim->group && !streq(victim->group, "/") &&
		 !streq(victim->group, victim->oom.group))
		strbuf_addf(out, " in %s", victim->group);
}

static void describe_one(
	const struct victim *victim, const struct victims_filter *filter, struct strbuf *out)
{
	strbuf_addf(out, "%s (pid %d)", *victim->comm ? victim->comm : "a process", victim->pid);
	describe_place(victim, filter, out);
	if (victim->has_memory)
		strbuf_addf(out, ", with %llu MiB of memory,",
			(unsigned long long)(victim->memory_bytes >> 20));
	strbuf_adds(out, " was ");
	oom_describe(&victim->oom, out);
	strbuf_adds(out, " at ");
	timestamp_format_local(out, victim->at.wall_ms);
}

void victims_describe(
	const struct victims *victims, const struct victims_filter *filter, struct strbuf *out)
{
	uint64_t known = MIN(victims->n, (uint64_t)VICTIMS_MAX);
	size_t told = 0, more = 0;

	for (uint64_t i = 1; i <= known; i++) {
		const struct victim *victim = &victims->items[(victims->n - i) % VICTIMS_MAX];

		if (victim->at.boot_ns < filter->since_boot_ns ||
			(filter->fits && !filter->fits(victim, filter->userdata)))
			continue;
		if (told == VICTIMS_TOLD) {
			more++;
			continue;
		}
		if (told++)
			strbuf_adds(out, "; ");
		describe_one(victim, filter, out);
	}
	if (more)
		strbuf_addf(out, "; and %zu more", more);
}

/* -- what is known of one ------------------------------------------------------------------- */

static bool is_process_of(
	const struct service *service, const struct victim *victim, int64_t start_boot_ns)
{
	const struct death *death = &service->last_death;

	if (service->owner.pid == victim->pid)
		return !start_boot_ns || service->owner.start_boot_ns == start_boot_ns;
	return service->died && death->pid == victim->pid &&
	       (start_boot_ns ? death->start_boot_ns == start_boot_ns
			      : llabs(death->at.boot_ns - victim->at.boot_ns) <= APART_NS);
}

static const struct service *service_of(
	const struct services *set, const struct victim *victim, int64_t start_boot_ns)
{
	for (size_t i = 0; victim->pid && i < set->n; i++) {
		if (is_process_of(set->items[i], victim, start_boot_ns))
			return set->items[i];
	}
	return NULL;
}

/* Where it lives, or did. */
static void ask_group(struct watch *watch, const struct service *service, struct victim *victim)
{
	struct strbuf path = STRBUF_INIT;

	if (process_cgroup(victim->pid, &path) && service && service->cgroup) {
		strbuf_reset(&path);
		strbuf_adds(&path, service->cgroup);
	}
	if (!path.err && path.len) {
		if (!*victim->group)
			oom_copy_group(victim->group, path.s, path.len);
		/* Whose memory was out, where the kernel's log does not say it. */
		if (victim->oom.kind == OOM_NOT_TOLD && watch->limits)
			limits_judge(watch->limits, path.s, &victim->oom);
	}
	strbuf_release(&path);
}

/* Only of one that was chosen just now: later its number may be another's. */
static void ask_proc(struct watch *watch, const struct service *service, struct victim *victim)
{
	struct process_stat stat;

	if (!*victim->group || victim->oom.kind == OOM_NOT_TOLD)
		ask_group(watch, service, victim);
	if (!*victim->comm && process_stat_read(victim->pid, &stat) == 0)
		memcpy(victim->comm, stat.comm, sizeof(victim->comm));
}

void watch_note_victim(struct watch *watch, struct notice *notice)
{
	struct victim victim = {
		.at = instant_at(clock_now(), notice->at_boot_ns),
		.pid = notice->process.pid ? notice->process.pid : notice->victim.thread,
		.has_memory = notice->victim.has_memory,
		.memory_bytes = notice->victim.memory_bytes,
		.oom = notice->victim.oom,
	};
	const struct service *service =
		service_of(&watch->services, &victim, notice->process.start_boot_ns);

	memcpy(victim.comm, notice->process.comm, sizeof(victim.comm));
	memcpy(victim.group, notice->victim.group, sizeof(victim.group));
	victim.service = service ? service->number : 0;
	if (watch->ops->kind == WATCH_KERNEL)
		ask_proc(watch, service, &victim);
	notice->victim.oom = victim.oom;
	if (!watch->victims)
		watch->victims = calloc(1, sizeof(*watch->victims));
	/* Without memory for it nobody is told whom it hit. */
	if (watch->victims)
		victims_add(watch->victims, &victim);
}

/* -- for others ----------------------------------------------------------------------------- */

struct asking {
	const struct watch *watch;
	const struct service *service; /* NULL: of the whole machine */
};

static bool fits(const struct victim *victim, void *userdata)
{
	const struct service *service = ((const struct asking *)userdata)->service;

	if (!service || victim->service == service->number)
		return true;
	return service->kind == SELECT_UNIT && service->cgroup && *victim->group &&
	       cgroup_is_in(victim->group, service->cgroup);
}

static const char *name_of(uint32_t number, void *userdata)
{
	const struct services *set = &((const struct asking *)userdata)->watch->services;

	for (size_t i = 0; i < set->n; i++) {
		if (set->items[i]->number == number)
			return set->items[i]->name;
	}
	return NULL;
}

bool watch_has_victims(const struct watch *watch)
{
	return watch->victims || watch->blind_to_oom;
}

void watch_describe_victims(const struct watch *watch, const struct service *service,
	int64_t since_boot_ns, struct strbuf *out)
{
	struct asking asking = { watch, service };
	const struct victims_filter filter = {
		.since_boot_ns = since_boot_ns,
		.fits = fits,
		.service = name_of,
		.userdata = &asking,
	};

	if (watch->victims)
		victims_describe(watch->victims, &filter, out);
	else if (watch->blind_to_oom)
		strbuf_addf(out,
			"whom the kernel's OOM killer ended is not known: the backend %s does not see it, "
			"and /dev/kmsg cannot be read",
			watch->ops->name);
}

void watch_look_for_victims(struct watch *watch)
{
	struct machine_figures machine;

	meter_machine(watch->meter, &machine);
	if (!machine.machine->has_oom_kills || machine.machine->oom_kills == watch->oom_kills)
		return;
	watch->oom_kills = machine.machine->oom_kills;
	watch->ops->drain(watch->backend);
	watch_do_what_is_wanted(watch);
}
