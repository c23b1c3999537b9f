/* What systemd says of a unit, and what that means. */
#include "harness.h"

#include <signal.h>
#include "watch/unit.h"

struct row {
	const char *what;
	const char *active, *sub, *type;
	bool remain, triggered, enabled, was_active, was_stopped, conditions_failed;
	/* What it means: */
	enum service_state empty; /* without a process */
	bool may_end, running, expected;
};

static void the_state_of_a_unit_says_what_may_be_missing(void **state)
{
	static const struct row rows[] = {
		{ "runs", .active = "active", .sub = "running", .type = "simple",
			.empty = SERVICE_DOWN, .running = true, .expected = true },
		{ "starts", .active = "activating", .sub = "start", .type = "notify",
			.empty = SERVICE_DOWN, .running = true, .expected = true },
		{ "prepares", .active = "activating", .sub = "start-pre", .type = "simple",
			.empty = SERVICE_DOWN, .running = false, .expected = true },
		{ "waits for its restart", .active = "activating", .sub = "auto-restart",
			.type = "simple", .empty = SERVICE_DOWN, .running = false,
			.expected = true },
		{ "is being stopped", .active = "deactivating", .sub = "stop-sigterm",
			.type = "simple", .empty = SERVICE_DOWN, .running = true,
			.expected = true },
		{ "reloads", .active = "reloading", .sub = "reload", .type = "forking",
			.empty = SERVICE_DOWN, .running = true, .expected = true },
		{ "failed", .active = "failed", .sub = "failed", .type = "simple",
			.empty = SERVICE_DOWN, .expected = true },
		{ "failed once", .active = "failed", .sub = "failed", .type = "oneshot",
			.empty = SERVICE_DOWN, .may_end = true, .expected = true },
		{ "did its work and stays", .active = "active", .sub = "exited", .type = "oneshot",
			.remain = true, .empty = SERVICE_UP, .may_end = true, .expected = true },
		{ "did its work and stays, not as a oneshot", .active = "active", .sub = "exited",
			.type = "forking", .remain = true, .empty = SERVICE_UP, .expected = true },
		{ "did its work", .active = "inactive", .sub = "dead", .type = "oneshot",
			.was_active = true, .enabled = true, .empty = SERVICE_UP, .may_end = true,
			.expected = false },
		{ "is to stay, and was stopped", .active = "inactive", .sub = "dead",
			.type = "oneshot", .remain = true, .was_active = true, .was_stopped = true,
			.empty = SERVICE_DOWN, .may_end = true, .expected = true },
		{ "does its work", .active = "activating", .sub = "start", .type = "oneshot",
			.empty = SERVICE_UP, .may_end = true, .running = true, .expected = true },
		{ "waits for its socket", .active = "inactive", .sub = "dead", .type = "simple",
			.triggered = true, .was_active = true, .empty = SERVICE_UP, .may_end = true,
			.expected = true },
		{ "waits for its socket, and never ran", .active = "inactive", .sub = "dead",
			.type = "simple", .triggered = true, .empty = SERVICE_UP, .may_end = true,
			.expected = false },
		{ "runs for its socket", .active = "active", .sub = "running", .type = "simple",
			.triggered = true, .empty = SERVICE_UP, .may_end = true, .running = true,
			.expected = true },
		{ "runs for its socket, and is to run again", .active = "activating",
			.sub = "auto-restart", .type = "simple", .triggered = true,
			.empty = SERVICE_DOWN, .may_end = true, .expected = true },
		{ "was stopped", .active = "inactive", .sub = "dead", .type = "simple",
			.was_active = true, .was_stopped = true, .empty = SERVICE_DOWN,
			.expected = true },
		{ "ended by itself", .active = "inactive", .sub = "dead", .type = "dbus",
			.was_active = true, .empty = SERVICE_DOWN, .expected = false },
		{ "ended by itself, and is started at boot", .active = "inactive", .sub = "dead",
			.type = "simple", .was_active = true, .enabled = true,
			.empty = SERVICE_DOWN, .expected = true },
		{ "never ran", .active = "inactive", .sub = "dead", .type = "simple",
			.enabled = true, .empty = SERVICE_DOWN, .expected = false },
		{ "has conditions", .active = "inactive", .sub = "dead", .type = "simple",
			.enabled = true, .was_active = true, .conditions_failed = true,
			.empty = SERVICE_DOWN, .expected = false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct row *r = &rows[i];
		struct unit_facts facts = {
			.active_us = r->was_active,
			.trigger_active = r->triggered,
			.conditions_failed = r->conditions_failed,
		};
		struct unit_verdict v;

		facts.info.remain_after_exit = r->remain;
		snprintf(facts.info.load_state, sizeof(facts.info.load_state), "loaded");
		snprintf(facts.info.active_state, sizeof(facts.info.active_state), "%s", r->active);
		snprintf(facts.info.sub_state, sizeof(facts.info.sub_state), "%s", r->sub);
		snprintf(facts.info.type, sizeof(facts.info.type), "%s", r->type);
		snprintf(facts.info.file_state, sizeof(facts.info.file_state), "%s",
			r->enabled ? "enabled" : "static");
		unit_judge(&facts, r->was_stopped, &v);
		if ((v.standing.empty_ok && !v.standing.failed) != (r->empty == SERVICE_UP) ||
			v.standing.may_end != r->may_end || v.is_running != r->running ||
			v.is_expected != r->expected)
			fail_msg(
				"a unit that %s: empty_ok %d failed %d may_end %d running %d expected %d",
				r->what, v.standing.empty_ok, v.standing.failed, v.standing.may_end,
				v.is_running, v.is_expected);
	}
}

static void a_unit_that_does_not_exist_is_down(void **state)
{
	struct unit_facts facts = { .info = { .load_state = "not-found",
					    .active_state = "inactive",
					    .sub_state = "dead" } };
	struct strbuf words = STRBUF_INIT;
	struct unit_verdict v;

	unit_judge(&facts, false, &v);
	assert_true(v.standing.failed);
	assert_false(v.is_expected);
	unit_describe(&facts.info, &words);
	assert_string_equal(words.s, "the unit does not exist");
	strbuf_release(&words);
}

static void names_fit_with_their_ending_or_without(void **state)
{
	static const struct {
		const char *pattern, *name;
		bool fits;
	} rows[] = {
		{ "web@*.service", "web@1.service", true },
		{ "web@*", "web@1.service", true },
		{ "web*", "web.service", true },
		{ "*", "cron.service", true },
		{ "*", "cron.timer", false },
		{ "w?b", "web.service", true },
		{ "[a-c]*", "cron.service", true },
		{ "[!a-c]*", "cron.service", false },
		{ "cron", "cron.service", true },
		{ "cron.service", "cron.service", true },
		{ "cron", "anacron.service", false },
		{ "*", ".service", false },
		{ "*", "user@1000.service", false },
		{ "*", "user-runtime-dir@1000.service", false },
		{ "user@*", "user@1000.service", true },
		{ "user*", "userdbd.service", true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(unit_fits(rows[i].pattern, rows[i].name), rows[i].fits);
	assert_true(unit_is_pattern("a*"));
	assert_false(unit_is_pattern("getty@tty1.service"));
}

static void a_name_is_completed(void **state)
{
	static const char *const rows[][2] = {
		{ "nginx", "nginx.service" },
		{ "nginx.service", "nginx.service" },
		{ "my.app", "my.app.service" },
		{ ".service", ".service.service" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		scoped(freep) char *name = unit_full_name(rows[i][0]);

		assert_string_equal(name, rows[i][1]);
	}
}

static void systemd_says_how_it_ended_as_waitid_does(void **state)
{
	static const struct {
		struct unit_main main;
		uint32_t wait_status;
	} rows[] = {
		{ { .code = CLD_EXITED, .status = 203 }, 203 << 8 },
		{ { .code = CLD_EXITED, .status = 0 }, 0 },
		{ { .code = CLD_KILLED, .status = SIGKILL }, SIGKILL },
		{ { .code = CLD_DUMPED, .status = SIGSEGV }, SIGSEGV | 0x80 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(unit_wait_status(&rows[i].main), rows[i].wait_status);
}

static void why_it_is_down_is_told_in_words(void **state)
{
	static const struct {
		struct unit_info info;
		const char *words;
	} rows[] = {
		{ { .load_state = "masked" }, "the unit is masked" },
		{ { .load_state = "loaded", .active_state = "failed", .result = "exit-code" },
			"the unit has failed" },
		{ { .load_state = "loaded", .active_state = "failed", .result = "start-limit-hit" },
			"the unit has failed: systemd starts it no more: it failed too often" },
		{ { .load_state = "loaded", .active_state = "inactive", .result = "success" },
			"the unit is not started" },
		{ { .load_state = "loaded",
			  .active_state = "activating",
			  .sub_state = "auto-restart",
			  .result = "watchdog" },
			"the unit waits to be restarted: its watchdog time ran out" },
		{ { .load_state = "loaded", .active_state = "active", .result = "success" }, "" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct strbuf words = STRBUF_INIT;

		unit_describe(&rows[i].info, &words);
		assert_string_equal(words.s, rows[i].words);
		strbuf_release(&words);
	}
}

static void only_what_systemd_starts_itself_is_told_by_its_program(void **state)
{
	struct unit_facts facts = { .program = "/usr/sbin/x", .info = { .type = "notify" } };

	assert_true(unit_starts_main(&facts));
	snprintf(facts.info.type, sizeof(facts.info.type), "forking");
	assert_false(unit_starts_main(&facts));
	snprintf(facts.info.type, sizeof(facts.info.type), "simple");
	facts.program = NULL;
	assert_false(unit_starts_main(&facts));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_state_of_a_unit_says_what_may_be_missing),
		cmocka_unit_test(a_unit_that_does_not_exist_is_down),
		cmocka_unit_test(names_fit_with_their_ending_or_without),
		cmocka_unit_test(a_name_is_completed),
		cmocka_unit_test(systemd_says_how_it_ended_as_waitid_does),
		cmocka_unit_test(why_it_is_down_is_told_in_words),
		cmocka_unit_test(only_what_systemd_starts_itself_is_told_by_its_program),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
