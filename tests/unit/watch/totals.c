/* Counters that must never fall, nor count twice: how processes ended, and what groups did. */
#include "harness.h"

#include <signal.h>
#include "watch/ends.h"
#include "watch/group_total.h"

#define SECOND NSEC_PER_SEC

/* -- ends ------------------------------------------------------------------------------------- */

static void knows_the_kinds_of_ends(void **state)
{
	static const struct {
		struct death death;
		enum end_kind kind;
	} rows[] = {
		{ { .kind = DEATH_EXIT }, END_SUCCESS },
		{ { .kind = DEATH_EXIT, .exit_code = 3 }, END_FAILURE },
		{ { .kind = DEATH_EXIT, .requested = true }, END_REQUESTED },
		{ { .kind = DEATH_SIGNAL, .signal = SIGSEGV }, END_SIGNAL },
		{ { .kind = DEATH_SIGNAL, .signal = SIGTERM, .requested = true }, END_REQUESTED },
		{ { .kind = DEATH_OOM, .signal = SIGKILL }, END_OOM },
		{ { .kind = DEATH_OOM, .signal = SIGKILL, .requested = true }, END_OOM },
		{ { .kind = DEATH_UNKNOWN }, END_UNKNOWN },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(end_kind_of(&rows[i].death), rows[i].kind);
}

struct step {
	enum service_event what;
	struct service_info info;
	bool changed;
	uint64_t counts[END_KINDS];
};

static void play(const struct step *steps, size_t n)
{
	struct service_ends ends = { 0 };

	for (size_t i = 0; i < n; i++) {
		bool changed = ends_event(&ends, steps[i].what, &steps[i].info, 0);

		if (changed != steps[i].changed ||
			memcmp(ends.counts, steps[i].counts, sizeof(ends.counts)) != 0)
			fail_msg("step %zu", i);
	}
}

#define DEATH(...)                                                                                 \
	{                                                                                          \
		.died = true, .last_death = { __VA_ARGS__ }                                        \
	}

static void a_death_counts_once_when_its_cause_is_known(void **state)
{
	static const struct step steps[] = {
		{ SERVICE_APPEARED, { 0 }, false, { 0 } },
		{ SERVICE_DIED, DEATH(.kind = DEATH_EXIT, .exit_code = 1, .final = true), true,
			{ [END_FAILURE] = 1 } },
		/* It learned more of one that was counted. */
		{ SERVICE_CAUSE, DEATH(.kind = DEATH_EXIT, .exit_code = 2, .final = true), false,
			{ [END_FAILURE] = 1 } },
		{ SERVICE_DIED, DEATH(.kind = DEATH_SIGNAL, .signal = SIGKILL), false,
			{ [END_FAILURE] = 1 } },
		{ SERVICE_LISTENER_GONE, DEATH(.kind = DEATH_SIGNAL, .signal = SIGKILL), false,
			{ [END_FAILURE] = 1 } },
		{ SERVICE_CAUSE, DEATH(.kind = DEATH_OOM, .signal = SIGKILL, .final = true), true,
			{ [END_FAILURE] = 1, [END_OOM] = 1 } },
		{ SERVICE_CAUSE, DEATH(.kind = DEATH_OOM, .signal = SIGKILL, .final = true), false,
			{ [END_FAILURE] = 1, [END_OOM] = 1 } },
	};

	play(steps, ARRAY_SIZE(steps));
}

static void a_death_that_comes_before_the_last_ones_cause_loses_nothing(void **state)
{
	static const struct step steps[] = {
		{ SERVICE_DIED, DEATH(.kind = DEATH_SIGNAL, .signal = SIGKILL), false, { 0 } },
		{ SERVICE_APPEARED, { .died = true, .restarts = 1 }, true, { 0 } },
		{ SERVICE_DIED,
			{ .died = true, .restarts = 1, .last_death = { .kind = DEATH_UNKNOWN } },
			true, { [END_SIGNAL] = 1 } },
		{ SERVICE_CAUSE,
			{ .died = true,
				.restarts = 1,
				.last_death = { .kind = DEATH_EXIT, .final = true } },
			true, { [END_SIGNAL] = 1, [END_SUCCESS] = 1 } },
	};

	play(steps, ARRAY_SIZE(steps));
}

static void knows_how_long_it_was_down(void **state)
{
	struct service_ends ends = { 0 };
	struct service_info info = { .died = true,
		.last_death = {
			.kind = DEATH_EXIT, .final = true, .at = { .boot_ns = 100 * SECOND } } };

	ends_event(&ends, SERVICE_DIED, &info, 100 * SECOND);
	assert_false(ends.restarted);
	info.restarts = 1;
	assert_true(ends_event(&ends, SERVICE_APPEARED, &info, 103 * SECOND));
	assert_true(ends.restarted);
	assert_int_equal(ends.down_ns, 3 * SECOND);
	/* Only another restart changes it. */
	assert_false(ends_event(&ends, SERVICE_APPEARED, &info, 150 * SECOND));
	assert_int_equal(ends.down_ns, 3 * SECOND);
	info.last_death.at.boot_ns = 160 * SECOND;
	info.restarts = 2;
	assert_true(ends_event(&ends, SERVICE_APPEARED, &info, 170 * SECOND));
	assert_int_equal(ends.down_ns, 10 * SECOND);
}

/* -- groups ----------------------------------------------------------------------------------- */

static struct group_usage group(uint64_t id, uint64_t kills, uint64_t cpu, uint64_t waited)
{
	struct group_usage usage = { .id = id, .has = 1u << GROUP_OOM_KILLS | 1u << GROUP_CPU_NS };

	usage.figures[GROUP_OOM_KILLS] = kills;
	usage.figures[GROUP_CPU_NS] = cpu;
	usage.pressure[PRESSURE_IO] = (struct pressure){ .has_some = true, .some_ns = waited };
	return usage;
}

static void totals_go_on_over_groups(void **state)
{
	static const struct {
		uint64_t id, kills, cpu, waited;
		uint64_t total_kills, total_cpu, total_waited;
	} rows[] = {
		/* It was there before anybody looked. */
		{ 1, 5, 100, 10, 0, 100, 10 },
		{ 1, 6, 110, 10, 1, 110, 10 },
		{ 2, 1, 4, 3, 2, 114, 13 },
		{ 2, 1, 5, 3, 2, 115, 13 },
		/* The same number again, but another group: its counters say so. */
		{ 2, 0, 1, 1, 2, 116, 14 },
		{ 3, 0, 0, 0, 2, 116, 14 },
		{ 3, 7, 9, 9, 9, 125, 23 },
	};
	struct group_total total = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct group_usage usage =
			group(rows[i].id, rows[i].kills, rows[i].cpu, rows[i].waited);

		group_total_add(&total, &usage, true, (int64_t)(i + 1) * SECOND);
		if (group_total_oom_kills(&total) != rows[i].total_kills ||
			total.figures[GROUP_CPU_NS] != rows[i].total_cpu ||
			total.pressure[PRESSURE_IO].some_ns != rows[i].total_waited)
			fail_msg("row %zu: %llu kills", i,
				(unsigned long long)group_total_oom_kills(&total));
	}
	assert_true(total.pressure[PRESSURE_IO].has_some);
	assert_false(total.pressure[PRESSURE_CPU].has_some);
}

static void a_group_that_comes_later_counts_from_its_beginning(void **state)
{
	struct group_total total = { 0 };
	struct group_usage usage = group(1, 2, 3, 4);

	group_total_add(&total, &usage, false, SECOND);
	assert_int_equal(group_total_oom_kills(&total), 2);
}

static void an_oom_kill_is_counted_once_whoever_tells(void **state)
{
	enum what { DEATH, EVENTS, PASS };
	static const struct {
		enum what what;
		int64_t at_s;
		uint64_t id, kills, total;
	} rows[] = {
		{ PASS, 10, 1, 0, 0 },
		/* The group first, then the death. */
		{ EVENTS, 11, 1, 1, 1 },
		{ DEATH, 11, 0, 0, 1 },
		/* A child of it, that is nobody's death. */
		{ EVENTS, 12, 1, 2, 2 },
		/* The death first. */
		{ DEATH, 13, 0, 0, 2 },
		{ EVENTS, 13, 1, 3, 3 },
		{ DEATH, 14, 0, 0, 3 },
		/* Its group is gone before it told, and there is a new one. */
		{ DEATH, 15, 0, 0, 4 },
		{ PASS, 16, 2, 0, 4 },
		/* What became known late, of the one before. */
		{ DEATH, 15, 0, 0, 5 },
		{ EVENTS, 17, 2, 1, 6 },
		{ DEATH, 17, 0, 0, 6 },
		/* Told of a group that no pass has read: the next one does. */
		{ EVENTS, 18, 3, 9, 6 },
		{ PASS, 19, 3, 9, 15 },
	};
	struct group_total total = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct group_usage usage = group(rows[i].id, rows[i].kills, 0, 0);
		int64_t at = rows[i].at_s * SECOND;

		switch (rows[i].what) {
		case DEATH:
			group_total_oom_death(&total, at);
			break;
		case EVENTS:
			group_total_add_events(&total, &usage, at);
			break;
		case PASS:
			group_total_add(&total, &usage, true, at);
			break;
		}
		if (group_total_oom_kills(&total) != rows[i].total)
			fail_msg("row %zu: %llu", i,
				(unsigned long long)group_total_oom_kills(&total));
	}
}

static void without_groups_deaths_count(void **state)
{
	struct group_total total = { 0 };

	group_total_oom_death(&total, SECOND);
	group_total_oom_death(&total, 2 * SECOND);
	assert_int_equal(group_total_oom_kills(&total), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_the_kinds_of_ends),
		cmocka_unit_test(a_death_counts_once_when_its_cause_is_known),
		cmocka_unit_test(a_death_that_comes_before_the_last_ones_cause_loses_nothing),
		cmocka_unit_test(knows_how_long_it_was_down),
		cmocka_unit_test(totals_go_on_over_groups),
		cmocka_unit_test(a_group_that_comes_later_counts_from_its_beginning),
		cmocka_unit_test(an_oom_kill_is_counted_once_whoever_tells),
		cmocka_unit_test(without_groups_deaths_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
