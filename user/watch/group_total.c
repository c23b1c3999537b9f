/*
 * group_total.c - adds up over groups that come and go.
 */
#include "watch/group_total.h"

static bool grows(enum group_figure figure)
{
	return (figure >= GROUP_HIGH_EVENTS && figure <= GROUP_THROTTLED_NS);
}

static uint64_t kills_in(const struct group_epoch *epoch)
{
	return MAX(epoch->kills, epoch->deaths);
}

uint64_t group_total_oom_kills(const struct group_total *total)
{
	return total->kills + kills_in(&total->previous) + kills_in(&total->now);
}

void group_total_oom_death(struct group_total *total, int64_t at_boot_ns)
{
	struct group_epoch *epoch =
		at_boot_ns < total->now.since_boot_ns ? &total->previous : &total->now;

	epoch->deaths++;
}

/* What it has counted since it was read last; of another group, all. */
static uint64_t increase(bool same, uint64_t now, uint64_t before)
{
	return same && now >= before ? now - before : now;
}

static void begin_epoch(struct group_total *total, int64_t now_boot_ns)
{
	total->kills += kills_in(&total->previous);
	total->previous = total->now;
	total->now = (struct group_epoch){ .since_boot_ns = now_boot_ns };
}

static void add_figures(
	struct group_total *total, const struct group_usage *usage, bool same, bool from_now)
{
	for (int f = 0; f < GROUP_FIGURES; f++) {
		uint64_t added;

		if (!grows(f) || !group_has(usage, f))
			continue;
		added = increase(same && group_has(&total->last, f), usage->figures[f],
			total->last.figures[f]);
		if (from_now && group_is_event(f))
			added = 0;
		total->figures[f] += added;
		if (f == GROUP_OOM_KILLS)
			total->now.kills += added;
	}
}

static void add_pressure(struct group_total *total, const struct group_usage *usage, bool same)
{
	for (int i = 0; i < PRESSURE_RESOURCES; i++) {
		const struct pressure *now = &usage->pressure[i], *last = &total->last.pressure[i];
		struct pressure *to = &total->pressure[i];

		to->has_some |= now->has_some;
		to->has_full |= now->has_full;
		if (now->has_some)
			to->some_ns += increase(same, now->some_ns, last->some_ns);
		if (now->has_full)
			to->full_ns += increase(same, now->full_ns, last->full_ns);
	}
}

void group_total_add(struct group_total *total, const struct group_usage *usage, bool from_now,
	int64_t now_boot_ns)
{
	bool same = total->known && total->last.id == usage->id;

	if (total->known && !same)
		begin_epoch(total, now_boot_ns);
	add_figures(total, usage, same, from_now && !total->known);
	add_pressure(total, usage, same);
	total->last = *usage;
	total->known = true;
}

void group_total_add_events(
	struct group_total *total, const struct group_usage *usage, int64_t now_boot_ns)
{
	struct group_usage whole = total->last;

	/* Another group: the next pass reads all of it. */
	if (!total->known || usage->id != whole.id)
		return;
	for (int f = 0; f < GROUP_FIGURES; f++) {
		if (group_is_event(f) && group_has(usage, f))
			whole.figures[f] = usage->figures[f];
	}
	group_total_add(total, &whole, false, now_boot_ns);
}
