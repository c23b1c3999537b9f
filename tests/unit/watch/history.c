/* What became of services, through virtual weeks. */
#include "harness.h"

#include "watch/history_world.h"

/* -- events --------------------------------------------------------------------------------- */

static void starts_and_deaths_stand_in_their_order(void **state)
{
	static const struct {
		enum history_kind kind;
		pid_t pid;
		bool restart;
	} wanted[] = {
		{ HISTORY_START, 101, true },
		{ HISTORY_DEATH, 100, false },
		{ HISTORY_START, 100, false },
	};
	const struct history_event *e;
	size_t n = 0;

	start("web", 100);
	start("db", 7);
	advance(SEC);
	die("web", 100);
	advance(20 * MS);
	start("web", 101);
	for (e = history_last(history, "web"); e; e = e->older, n++) {
		assert_int_equal(e->kind, wanted[n].kind);
		assert_int_equal(e->pid, wanted[n].pid);
		assert_int_equal(e->restart, wanted[n].restart);
		assert_int_equal(e->state, e->kind == HISTORY_DEATH ? SERVICE_DOWN : SERVICE_UP);
	}
	assert_int_equal(n, ARRAY_SIZE(wanted));
	assert_null(history_last(history, "nobody"));
	assert_string_equal(history_service(history_last(history, "db")), "db");
}

static void a_cause_that_is_learned_later_changes_the_death(void **state)
{
	struct service_info info;
	struct death death;

	start("web", 100);
	die("web", 100);
	death = killed(100);
	death.kind = DEATH_OOM;
	death.final = true;
	info = info_of("web", 0);
	info.last_death = death;
	assert_non_null(history_note(history, &info, SERVICE_CAUSE, now));
	assert_int_equal(history_last(history, "web")->death->kind, DEATH_OOM);
	/* Of one that is not remembered nothing is learned. */
	info.last_death.pid = 99;
	assert_null(history_note(history, &info, SERVICE_CAUSE, now));
	assert_int_equal(history_events(history), 2);
}

static void nothing_more_is_learned_of_a_death_once_the_next_has_come(void **state)
{
	struct history_event *first;

	start("web", 100);
	first = die("web", 100);
	assert_false(first->death->final);
	start("web", 101);
	die("web", 101);
	assert_true(first->death->final);
}

static void a_listener_goes_and_comes_back_without_a_start(void **state)
{
	struct service_info info = info_of("web", 100);
	const struct history_event *e;

	start("web", 100);
	/* Told again: it is no news. */
	assert_null(start("web", 100));
	info.state = SERVICE_DOWN;
	e = history_note(history, &info, SERVICE_LISTENER_GONE, now);
	assert_int_equal(e->kind, HISTORY_LISTENER_GONE);
	e = start("web", 100);
	assert_int_equal(e->kind, HISTORY_LISTENER_BACK);
	/* That a dead one does not listen goes without saying. */
	die("web", 100);
	info = info_of("web", 0);
	assert_null(history_note(history, &info, SERVICE_LISTENER_GONE, now));
}

static void what_ends_with_its_work_done_is_not_restarted(void **state)
{
	struct service_info info;

	start("backup", 100);
	info = info_of("backup", 0);
	info.state = SERVICE_UP;
	assert_int_equal(history_note(history, &info, SERVICE_LEFT, now)->kind, HISTORY_LEFT);
	assert_false(start("backup", 101)->restart);
	info.state = SERVICE_DOWN;
	assert_int_equal(history_note(history, &info, SERVICE_CHANGED, now)->kind, HISTORY_STATE);
}

static const struct history_hang hang = { .thread = 107, .threads = 3, .waits_in = "nfs_wait" };

static struct history_event *hangs(const char *name, pid_t pid, const struct history_hang *what)
{
	struct service_info info = info_of(name, pid);

	return history_note_hang(history, &info, pid + 1, what, now);
}

static void a_hang_is_told_once_with_its_beginning_and_its_end(void **state)
{
	const struct history_event *e;

	start("web", 100);
	/* None hangs any more of which none was known to. */
	assert_null(hangs("web", 100, NULL));
	e = hangs("web", 100, &hang);
	assert_int_equal(e->kind, HISTORY_HUNG);
	assert_int_equal(e->pid, 101);
	assert_string_equal(e->comm, "");
	assert_memory_equal(e->hang, &hang, sizeof(hang));
	/* After a restart of tolld it is found anew, and is no news. */
	restart(1);
	assert_null(hangs("web", 100, &hang));
	e = hangs("web", 100, NULL);
	assert_int_equal(e->kind, HISTORY_HUNG_OVER);
	assert_null(e->hang);
	assert_non_null(hangs("web", 100, &hang));
	die("web", 100);
	/* That the dead do not hang goes without saying. */
	assert_null(hangs("web", 0, NULL));
	assert_int_equal(history_last(history, "web")->kind, HISTORY_DEATH);
}

static void a_hang_in_between_hides_no_listener_that_is_back(void **state)
{
	struct service_info info = info_of("web", 100);

	start("web", 100);
	history_note(history, &info, SERVICE_LISTENER_GONE, now);
	assert_non_null(hangs("web", 100, &hang));
	assert_int_equal(start("web", 100)->kind, HISTORY_LISTENER_BACK);
	assert_null(start("web", 100));
}

static void everything_about_a_hang_outlives_tolld(void **state)
{
	static const struct history_hang rows[] = {
		{ .thread = 107, .threads = 3, .waits_in = "nfs_wait" },
		{ .thread = 2147483647, .threads = 4294967295u },
		{ .thread = 1, .threads = 1, .waits_in = "\xff\n\"" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct history_event *e;

		start("web", 100);
		assert_non_null(hangs("web", 100, &rows[i]));
		restart(1);
		e = history_last(history, "web");
		assert_int_equal(e->kind, HISTORY_HUNG);
		assert_int_equal(e->hang->thread, rows[i].thread);
		assert_int_equal(e->hang->threads, rows[i].threads);
		assert_string_equal(e->hang->waits_in, rows[i].waits_in);
		assert_non_null(hangs("web", 100, NULL));
	}
}

static struct history_event *group_kills(const char *name, pid_t pid)
{
	struct service_info info = info_of(name, pid);

	return history_note_oom(history, &info, now);
}

static void of_a_worker_that_memory_cost_the_group_tells_of_its_own_process_the_death(void **state)
{
	static const struct {
		int64_t kill_ns, death_ns, cause_ns; /* when each is told; 0: not at all */
		bool is_oom;
		size_t events; /* the start included */
	} rows[] = {
		{ 1, 0, 0, false, 2 },
		{ 1, 2, 0, true, 2 },
		{ 2, 1, 0, true, 2 },
		/* How it died is told last. */
		{ 1, 2, 3, false, 2 },
		{ 2, 1, 3, false, 2 },
		/* The one has nothing to do with the other. */
		{ 1, 2, 0, false, 3 },
		{ 1, 6 * SEC, 0, true, 3 },
		{ 6 * SEC, 1, 0, true, 3 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int64_t begun_ns = now.boot_ns;
		struct death death;

		teardown(NULL);
		setup(NULL);
		start("web", 100);
		for (int64_t ns = 1; ns <= 3; ns++) {
			int64_t at_ns = ns == 3 ? 6 * SEC : ns;
			struct service_info info = info_of("web", 0);

			now.boot_ns = begun_ns + at_ns;
			if (rows[i].kill_ns == at_ns)
				group_kills("web", 100);
			death = killed(100);
			death.kind = rows[i].is_oom ? DEATH_OOM : DEATH_SIGNAL;
			if (rows[i].death_ns == at_ns)
				die_of("web", &death);
			if (rows[i].cause_ns == ns) {
				info.last_death =
					*history_last_of_kind(history, "web", HISTORY_DEATH)->death;
				info.last_death.kind = DEATH_OOM;
				history_note(history, &info, SERVICE_CAUSE, now);
			}
		}
		assert_true(history_flush(history, SIZE_MAX));
		if (history_events(history) != rows[i].events || rows_on_disk() != rows[i].events)
			fail_msg("row %zu: %zu events", i, history_events(history));
	}
	assert_int_equal(group_kills("other", 7)->pid, 0);
}

static void who_ran_before_tolld_is_found_not_started(void **state)
{
	struct service_info info = info_of("web", 100);

	info.since.boot_ns = 0;
	assert_true(history_note(history, &info, SERVICE_APPEARED, now)->found);
	assert_false(start("db", 7)->found);
}

static void restarts_are_counted_over_an_hour(void **state)
{
	start("web", 100);
	assert_int_equal(history_restarts(history, "web", now), 0);
	for (pid_t pid = 101; pid <= 110; pid++) {
		advance(600 * SEC);
		die("web", pid - 1);
		start("web", pid);
	}
	/* Of one every ten minutes. */
	assert_int_equal(history_restarts(history, "web", now), 7);
	advance(3600 * SEC);
	assert_int_equal(history_restarts(history, "web", now), 1);
	advance(1);
	assert_int_equal(history_restarts(history, "web", now), 0);
	assert_int_equal(history_restarts(history, "nobody", now), 0);
}

static void assert_restarts_read(const char *text, const char *expected)
{
	struct strbuf out = STRBUF_INIT;

	strbuf_adds(&out, text);
	history_describe_restarts(history, "web", now, &out);
	assert_int_equal(out.err, 0);
	assert_string_equal(out.s, expected);
	strbuf_release(&out);
}

static void a_sentence_tells_restarts_only_where_there_were_some(void **state)
{
	start("web", 100);
	assert_restarts_read("killed", "killed");
	advance(600 * SEC);
	die("web", 100);
	assert_restarts_read("killed", "killed");
	start("web", 101);
	assert_restarts_read("killed", "killed; restarted once in the last hour");
	/* A sentence of which nothing else is known begins with no semicolon. */
	assert_restarts_read("", "");
	for (pid_t pid = 102; pid <= 103; pid++) {
		die("web", pid - 1);
		start("web", pid);
	}
	assert_restarts_read("killed", "killed; restarted 3 times in the last hour");
	advance(HISTORY_RECENT_NS + 1);
	assert_restarts_read("killed", "killed");
}

/* -- bounds --------------------------------------------------------------------------------- */

static void of_too_many_events_the_oldest_go_from_the_disk_too(void **state)
{
	history_free(history);
	open_history(1, 5, 12);
	for (pid_t pid = 1; pid <= 20; pid++) {
		start("web", pid);
		die("web", pid);
		if (pid % 3 == 0)
			history_flush(history, SIZE_MAX);
	}
	assert_int_equal(history_events(history), 5);
	for (pid_t pid = 1; pid <= 3; pid++) {
		start("a", pid);
		start("b", pid);
		start("c", pid);
		start("d", pid);
	}
	assert_int_equal(history_events(history), 12);
	/* Its list went with its last event. */
	assert_null(history_last(history, "web"));
	assert_true(history_flush(history, SIZE_MAX));
	assert_int_equal(rows_on_disk(), 12);
}

static void what_is_too_old_goes(void **state)
{
	start("web", 100);
	advance(HISTORY_AGE_NS);
	start("web", 101);
	history_expire(history, now);
	assert_int_equal(history_events(history), 2);
	advance(1);
	history_expire(history, now);
	assert_int_equal(history_events(history), 1);
	history_flush(history, SIZE_MAX);
	assert_int_equal(rows_on_disk(), 1);
}

/* -- the disk ------------------------------------------------------------------------------- */

static void rows_wait_for_a_disk_that_does_not_take_them(void **state)
{
	disk_is_full = true;
	for (pid_t pid = 1; pid <= 10; pid++)
		start("web", pid);
	assert_false(history_flush(history, SIZE_MAX));
	assert_true(history_wants_keeping(history));
	disk_is_full = false;
	assert_false(history_flush(history, 4));
	assert_int_equal(rows_on_disk(), 4);
	assert_true(history_flush(history, SIZE_MAX));
	assert_int_equal(rows_on_disk(), 10);
	assert_false(history_wants_keeping(history));
}

static void assert_same_death(const struct death *a, const struct death *b)
{
	struct strbuf x = STRBUF_INIT, y = STRBUF_INIT;

	assert_int_equal(a->pid, b->pid);
	assert_int_equal(a->kind, b->kind);
	assert_int_equal(a->exit_code, b->exit_code);
	assert_int_equal(a->signal, b->signal);
	assert_int_equal(a->requested, b->requested);
	assert_int_equal(a->unheeded, b->unheeded);
	assert_int_equal(a->unheeded_ns, b->unheeded_ns);
	assert_int_equal(a->untold, b->untold);
	assert_int_equal(a->oom.kind, b->oom.kind);
	assert_string_equal(a->oom.group, b->oom.group);
	assert_int_equal(a->core_dumped, b->core_dumped);
	assert_int_equal(a->sender_untold, b->sender_untold);
	assert_int_equal(a->by_kernel, b->by_kernel);
	assert_int_equal(a->has_sender, b->has_sender);
	assert_int_equal(a->sender_pid, b->sender_pid);
	assert_int_equal(a->sender_uid, b->sender_uid);
	assert_string_equal(a->sender_comm, b->sender_comm);
	assert_string_equal(a->comm, b->comm);
	assert_int_equal(a->threads, b->threads);
	assert_int_equal(a->has_cpu, b->has_cpu);
	assert_int_equal(a->cpu_ns, b->cpu_ns);
	assert_int_equal(a->has_faults, b->has_faults);
	assert_int_equal(a->minor_faults, b->minor_faults);
	assert_int_equal(a->major_faults, b->major_faults);
	assert_int_equal(a->has_peak_memory, b->has_peak_memory);
	assert_int_equal(a->peak_memory_bytes, b->peak_memory_bytes);
	death_describe(a, &x);
	death_describe(b, &y);
	assert_string_equal(x.s, y.s);
	strbuf_release(&x);
	strbuf_release(&y);
}

static const struct death deaths[] = {
	{ .kind = DEATH_EXIT, .exit_code = 3, .comm = "a" },
	{ .kind = DEATH_EXIT,
		.signal = SIGTERM,
		.requested = true,
		.has_sender = true,
		.sender_pid = 1,
		.sender_uid = 4294967295u,
		.sender_comm = "systemd" },
	{ .kind = DEATH_SIGNAL,
		.signal = SIGKILL,
		.requested = true,
		.unheeded = SIGTERM,
		.unheeded_ns = 90 * SEC,
		.has_sender = true,
		.sender_pid = 2147483647,
		/* Broken UTF-8, and what breaks lines and quotes. */
		.sender_comm = "\xff\n\"\\\r\nBcc:",
		.comm = "\x1b[31mred\x80" },
	{ .kind = DEATH_SIGNAL,
		.signal = SIGSEGV,
		.core_dumped = true,
		.by_kernel = true,
		.threads = 5,
		.has_cpu = true,
		.cpu_ns = 480760000,
		.has_faults = true,
		.minor_faults = 1,
		.has_peak_memory = true,
		.peak_memory_bytes = 1ull << 40 },
	{ .kind = DEATH_SIGNAL, .signal = SIGKILL, .sender_untold = true },
	{ .kind = DEATH_OOM,
		.signal = SIGKILL,
		.by_kernel = true,
		.oom = { OOM_OF_GROUP, "/system.slice/we\"b.service" } },
	{ .kind = DEATH_OOM, .signal = SIGKILL, .oom = { OOM_BY_DAEMON, "" }, .has_sender = true },
	{ .kind = DEATH_UNKNOWN, .untold = UNTOLD_BY_KERNEL, .comm = "\xc3\xa9" },
	{ .kind = DEATH_UNKNOWN, .untold = UNTOLD_BY_POLLING },
	{ .kind = DEATH_UNKNOWN },
};

static void everything_about_a_death_outlives_tolld(void **state)
{
	const int64_t died_wall_ms = now.wall_ms;

	for (size_t i = 0; i < ARRAY_SIZE(deaths); i++) {
		struct death death = deaths[i];
		const struct history_event *e;

		now = (struct instant){ .boot_ns = 1000 * SEC, .wall_ms = died_wall_ms };
		death.at = now;
		death.pid = 10;
		/* Of some nobody knows when they began. */
		death.start_boot_ns = i % 2 ? now.boot_ns - 77 * SEC : 0;
		die_of("w\xffs \"1\"\n", &death);
		/* The machine was off for an hour, and its clock begins anew. */
		now = (struct instant){ .boot_ns = 5 * SEC, .wall_ms = died_wall_ms + 3600 * 1000 };
		restart(2 + i);
		e = history_last(history, "w\xffs \"1\"\n");
		assert_int_equal(e->kind, HISTORY_DEATH);
		assert_int_equal(e->at.wall_ms, died_wall_ms);
		assert_int_equal(now.boot_ns - e->at.boot_ns, 3600 * SEC);
		assert_same_death(e->death, &death);
		assert_true(e->death->final);
	}
}

static void a_row_that_somebody_changed_is_refused(void **state)
{
	static const char *const rows[] = {
		"",
		"[]",
		"{}",
		"{\"kind\":\"start\"}",
		"{\"kind\":\"begin\",\"state\":\"up\"}",
		"{\"kind\":\"start\",\"state\":\"fine\"}",
		"{\"kind\":\"death\",\"state\":\"down\"}",
		"{\"kind\":\"death\",\"state\":\"down\",\"how\":\"magic\"}",
		"{\"kind\":\"start\",\"state\":\"up\",\"pid\":\"7\"}",
		"{\"kind\":\"start\",\"state\":\"up\",\"pid\":99999999999}",
		"{\"kind\":\"start\",\"state\":\"up\",\"found\":1}",
		"{\"kind\":\"start\",\"state\":\"up\",\"comm\":{\"hex\":\"f\"}}",
		"{\"kind\":\"death\",\"state\":\"down\",\"how\":\"exit\",\"threads\":-1}",
		"{\"kind\":\"hung\",\"state\":\"up\",\"hung_threads\":-1}",
		"{\"kind\":\"hung\",\"state\":\"up\",\"waits_in\":7}",
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (history_restore(history, (int64_t)i + 1, "web", 0, rows[i], now) != -EINVAL)
			fail_msg("taken: %s", rows[i]);
	}
	assert_int_equal(history_events(history), 0);
	/* Too long a name is cut, an unknown field is left alone. */
	assert_int_equal(history_restore(history, 1, "web", 0,
				 "{\"kind\":\"start\",\"state\":\"up\",\"comm\":"
				 "\"0123456789abcdefgh\",\"later\":1}",
				 now),
		0);
	assert_string_equal(history_last(history, "web")->comm, "0123456789abcde");
}

/* -- memory --------------------------------------------------------------------------------- */

static int live_a_little(void *userdata)
{
	const struct history_options options = { .keep = on_keep, .boot_id = 1 };
	struct history *mine = NULL;
	struct service_info info = info_of("\xffmine", 100);
	int err = history_new(&options, &mine);

	if (err)
		return err;
	err = history_note(mine, &info, SERVICE_APPEARED, now) ? 0 : -ENOMEM;
	info = info_of("\xffmine", 0);
	info.last_death = deaths[2];
	if (!err)
		err = history_note(mine, &info, SERVICE_DIED, now) ? 0 : -ENOMEM;
	if (!err)
		err = history_note_oom(mine, &info, now) ? 0 : -ENOMEM;
	if (!err)
		err = history_note_hang(mine, &info, 1, &hang, now) ? 0 : -ENOMEM;
	if (!err)
		err = history_flush(mine, SIZE_MAX) ? 0 : -ENOMEM;
	for (int64_t id = 1; !err && id <= 4; id++)
		err = history_restore(
			mine, id + 4, "again", disk[id].at_wall_ms, disk[id].text, now);
	if (!err)
		assert_string_equal(
			history_last_of_kind(mine, "again", HISTORY_DEATH)->death->sender_comm,
			deaths[2].sender_comm);
	history_free(mine);
	return err;
}

static void it_survives_every_allocation_that_fails(void **state)
{
	with_failing_allocations(live_a_little, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(starts_and_deaths_stand_in_their_order),
		TEST(a_cause_that_is_learned_later_changes_the_death),
		TEST(nothing_more_is_learned_of_a_death_once_the_next_has_come),
		TEST(a_listener_goes_and_comes_back_without_a_start),
		TEST(a_hang_is_told_once_with_its_beginning_and_its_end),
		TEST(a_hang_in_between_hides_no_listener_that_is_back),
		TEST(everything_about_a_hang_outlives_tolld),
		TEST(of_a_worker_that_memory_cost_the_group_tells_of_its_own_process_the_death),
		TEST(what_ends_with_its_work_done_is_not_restarted),
		TEST(who_ran_before_tolld_is_found_not_started),
		TEST(restarts_are_counted_over_an_hour),
		TEST(a_sentence_tells_restarts_only_where_there_were_some),
		TEST(of_too_many_events_the_oldest_go_from_the_disk_too),
		TEST(what_is_too_old_goes),
		TEST(rows_wait_for_a_disk_that_does_not_take_them),
		TEST(everything_about_a_death_outlives_tolld),
		TEST(a_row_that_somebody_changed_is_refused),
		TEST(it_survives_every_allocation_that_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
