/* Heirs and restarts: what /proc says of the living, and what was known of the dead. */
#include "harness.h"

#include "watch/kin.h"

#define MS  NSEC_PER_MSEC
#define SEC NSEC_PER_SEC

/* The dead one is 100, started by 50, in the group of 90; it was seen alive at 1,000 s. */
#define SEEN_NS (1000 * SEC)

struct row {
	const char *what;
	int64_t start_ns; /* after it was seen */
	pid_t pid, parent, group, session;
	bool inherits, where_it_ended_well;
};

static const struct row rows[] = {
	{ "a worker that was there", -5 * SEC, 101, 1, 90, 90, true, true },
	{ "one of others that was there", -5 * SEC, 101, 1, 101, 101, true, true },
	{ "its tick was over when the other was seen", -10 * MS, 101, 50, 101, 101, true, true },
	{ "in the tick nobody knows which was first", -9 * MS, 101, 50, 101, 101, false, false },
	{ "started again by the same", 10 * MS, 101, 50, 90, 90, false, false },
	{ "started again by the same, as a leader", 10 * MS, 101, 50, 101, 90, false, false },
	{ "started again, with the same number", 10 * MS, 100, 50, 100, 100, false, false },
	{ "the same number, by another", 10 * MS, 100, 1, 100, 100, false, false },
	{ "a child that nobody started", 10 * MS, 101, 1, 90, 90, true, true },
	{ "a child in the group that the dead one led", 10 * MS, 101, 50, 100, 90, true, true },
	{ "a child in its session", 10 * MS, 101, 50, 101, 100, true, true },
	/* A daemon, or somebody else has started it. */
	{ "a leader that another has", 10 * MS, 101, 1, 101, 101, false, true },
};

static void an_heir_is_told_from_a_restart(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct row *r = &rows[i];
		const struct process_stat other = {
			.pid = r->pid,
			.parent = r->parent,
			.group = r->group,
			.session = r->session,
			.start_boot_ns = SEEN_NS + r->start_ns,
		};
		struct notice exit = {
			.kind = NOTICE_EXIT,
			.process.pid = 100,
			.at_boot_ns = SEEN_NS + SEC / 2,
			.exit = {
				.untold = UNTOLD_BY_POLLING,
				.lived_boot_ns = SEEN_NS,
				.kin = { .parent = 50, .group = 90 },
			},
		};

		if (kin_inherits(&exit, &other) != r->inherits)
			fail_msg("not known how: %s", r->what);
		exit.exit.untold = TOLD;
		if (kin_inherits(&exit, &other) != r->where_it_ended_well)
			fail_msg("ended well: %s", r->what);
		exit.exit.wait_status = 9;
		if (kin_inherits(&exit, &other) != r->inherits)
			fail_msg("killed: %s", r->what);
	}
}

/* Then it lived until just before that, whenever it was seen. */
static void where_a_death_is_told_at_once_its_time_counts(void **state)
{
	const struct notice exit = {
		.kind = NOTICE_EXIT,
		.process.pid = 100,
		.at_boot_ns = SEEN_NS,
		.exit = { .untold = UNTOLD_BY_KERNEL, .kin = { 50, 90 } },
	};
	struct process_stat other = { .pid = 101, .parent = 50, .group = 101, .session = 101 };

	other.start_boot_ns = SEEN_NS - 200 * MS;
	assert_true(kin_inherits(&exit, &other));
	other.start_boot_ns = SEEN_NS - 20 * MS;
	assert_false(kin_inherits(&exit, &other));
}

static void of_whom_nothing_is_known_nobody_is_kin(void **state)
{
	const struct notice exit = {
		.kind = NOTICE_EXIT,
		.process.pid = 100,
		.at_boot_ns = SEEN_NS,
	};
	const struct process_stat other = {
		.pid = 101, .parent = 1, .group = 0, .session = 0, .start_boot_ns = SEEN_NS
	};

	assert_false(kin_inherits(&exit, &other));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_heir_is_told_from_a_restart),
		cmocka_unit_test(where_a_death_is_told_at_once_its_time_counts),
		cmocka_unit_test(of_whom_nothing_is_known_nobody_is_kin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
