/* Metrics: valid in the eyes of promtool, complete, and not to be broken by names. */
#include "world.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include "api/metric_table.h"
#include "api/service_rows.h"

extern char **environ;

static void add_services(struct world *w)
{
	static const double bounds[] = { 0.001, 0.002 };
	static const struct tally_total used = { .cpu_ns = 3 * NSEC_PER_SEC / 2,
		.passed_boot_ns = 1 };
	static const struct machine machine = { .has_oom_kills = true,
		.oom_kills = 7,
		.pressure = { [PRESSURE_IO] = { .has_some = true, .some_ns = NSEC_PER_SEC / 4 } } };
	static const struct labels *team;

	if (!team)
		team = labels_new(1, (const char *const[][2]){ { "team", "home" } });
	w->watch.services[0].info = (struct service_info){ .name = "web",
		.selector = "listen :80",
		.labels = team,
		.state = SERVICE_UP,
		.restarts = 3,
		.deaths = 4 };
	w->watch.services[1].info =
		(struct service_info){ .name = "db", .selector = "exe /db", .state = SERVICE_DOWN };
	w->watch.services[2].info = (struct service_info){
		.name = "new", .selector = "exe /new", .state = SERVICE_UNKNOWN
	};
	w->watch.services[1].figures = (struct service_figures){ .passed = true, .used = &used };
	w->watch.machine = (struct machine_figures){ .passed = true, .machine = &machine };
	/* Two watches may well have one name. */
	w->watch.services[3] = w->watch.services[0];
	w->watch.services[4].info =
		(struct service_info){ .name = HOSTILE, .selector = HOSTILE, .state = SERVICE_UP };
	w->watch.n = 5;
	w->watch.stats.death_to_sample_s = (struct histogram){ .bounds = bounds, .n = 2 };
	histogram_observe(&w->watch.stats.death_to_sample_s, 0.0005);
	histogram_observe(&w->watch.stats.death_to_sample_s, 0.002);
	histogram_observe(&w->watch.stats.death_to_sample_s, 0.5);
	w->watch.stats.has_block_errors = true;
	w->watch.stats.block_errors = 3;
	w->watch.stats.events_exit = 5;
	w->watch.stats.lost_oom = 1;
	w->watch.stats.services = 5;
	w->rules.stats.alerts_firing = 2;
	w->store.status.last_error = -ENOSPC;
}

/* Whether the text has this line. */
static void assert_line(const char *text, const char *line)
{
	size_t len = strlen(line);

	for (const char *at = strstr(text, line); at; at = strstr(at + 1, line)) {
		if ((at == text || at[-1] == '\n') && at[len] == '\n')
			return;
	}
	fail_msg("no line %s", line);
}

static void tells_what_the_modules_count(void **state)
{
	static const double values[] = { 1, 2 };
	struct world w;
	char *text;

	world_begin(&w);
	add_services(&w);
	world_series(&w, (const char *const[][2]){ { "__name__", "n" } }, 1, values, 2, 1000);
	text = ask_text(&w, "GET", "/metrics", 200);
	assert_line(text, "tolld_service_up{service=\"web\",team=\"home\"} 1");
	assert_line(text, "tolld_service_up{service=\"db\"} 0");
	assert_null(strstr(text, "tolld_service_up{service=\"new\""));
	assert_line(text, "tolld_service_state{service=\"new\",state=\"unknown\"} 1");
	assert_line(text, "tolld_service_restarts_total{service=\"web\",team=\"home\"} 3");
	assert_line(
		text, "tolld_service_exits_total{service=\"web\",team=\"home\",kind=\"oom\"} 0");
	/* Nobody has read it yet. */
	assert_null(strstr(text, "tolld_service_cpu_seconds_total{service=\"web\""));
	assert_line(text, "tolld_service_cpu_seconds_total{service=\"db\"} 1.5");
	assert_int_equal(w.watch.measured, 1);
	assert_line(text, "tolld_machine_oom_kills_total 7");
	assert_line(text, "tolld_machine_block_errors_total 3");
	assert_line(text, "tolld_machine_pressure_waiting_seconds_total{resource=\"io\"} 0.25");
	assert_null(strstr(text, "tolld_machine_pressure_waiting_seconds_total{resource=\"cpu\""));
	assert_null(strstr(text, "tolld_machine_forks_total 0"));
	assert_line(text, "tolld_watch_events_total{type=\"exit\"} 5");
	assert_line(text, "tolld_watch_lost_events_total{type=\"oom\"} 1");
	assert_line(
		text, "tolld_backend_info{backend=\"pidfd\",reason=\"this kernel has no BTF\"} 1");
	assert_line(text, "# TYPE tolld_watch_death_to_sample_seconds histogram");
	assert_line(text, "tolld_watch_death_to_sample_seconds_bucket{le=\"0.001\"} 1");
	assert_line(text, "tolld_watch_death_to_sample_seconds_bucket{le=\"0.002\"} 2");
	assert_line(text, "tolld_watch_death_to_sample_seconds_bucket{le=\"+Inf\"} 3");
	assert_line(text, "tolld_watch_death_to_sample_seconds_sum 0.5025");
	assert_line(text, "tolld_watch_death_to_sample_seconds_count 3");
	assert_line(text, "tolld_services 5");
	assert_line(text, "tolld_tsdb_series 1");
	assert_line(text, "tolld_tsdb_samples_appended_total 2");
	assert_line(text, "tolld_rules_alerts_firing 2");
	assert_line(text, "tolld_tsdb_out_of_order_samples_total 0");
	assert_line(text, "tolld_store_failing 1");
	assert_line(text, "tolld_config_last_reload_successful 7");
	assert_line(text, "process_start_time_seconds 1.79536232525e+09");
	free(text);
	world_end(&w);
}

static void tells_alertmanagers_figures_by_its_names(void **state)
{
	struct strbuf settings = STRBUF_INIT;
	struct world w;
	char *text;

	world_begin(&w);
	strbuf_adds(&settings,
		"global: {smtp_smarthost: 'localhost:25', smtp_from: a@example.org}\n"
		"route: {receiver: r, group_by: [alertname], group_wait: 0s, routes: [\n"
		"  {matchers: [n=2], receiver: r, mute_time_intervals: [always]},\n"
		"  {matchers: [n=3], receiver: r, active_time_intervals: [never]}]}\n"
		"receivers: [{name: r, email_configs: [{to: o@example.org}]}, {name: s}]\n"
		"inhibit_rules: [{source_matchers: [n=1], target_matchers: [n=4]}]\n"
		"time_intervals:\n"
		"- {name: always, time_intervals: [{years: ['1970:2900']}]}\n"
		"- {name: never, time_intervals: [{years: ['1970:1971']}]}\n");
	world_configure(&w, settings.s);
	for (unsigned n = 1; n <= 4; n++) {
		char name[2] = { (char)('0' + n), '\0' };
		const char *const pairs[][2] = { { "alertname", name }, { "n", name } };
		struct labels *labels = labels_new(2, pairs);
		struct alert *alert = alert_new(labels, NULL);

		alert->starts_wall_ms = w.now.wall_ms;
		assert_int_equal(notify_put(w.notify, alert, w.now), 0);
		alert_unref(alert);
		labels_unref(labels);
	}
	notify_step(w.notify, w.now);
	text = ask_text(&w, "GET", "/metrics", 200);
	assert_line(text, "alertmanager_alerts{state=\"active\"} 1");
	assert_line(text, "alertmanager_alerts{state=\"suppressed\"} 3");
	assert_line(text, "alertmanager_dispatcher_aggregation_groups 4");
	assert_line(text, "alertmanager_silences{state=\"active\"} 0");
	assert_line(text, "alertmanager_notifications_total{integration=\"email\"} 1");
	assert_line(text, "alertmanager_notification_requests_total{integration=\"email\"} 1");
	assert_line(text, "alertmanager_notification_latency_seconds_bucket{integration=\"email\","
			  "le=\"1\"} 1");
	assert_line(
		text, "alertmanager_notification_latency_seconds_count{integration=\"email\"} 1");
	assert_line(text, "alertmanager_notifications_failed_total{integration=\"email\","
			  "reason=\"clientError\"} 0");
	assert_line(text, "alertmanager_notifications_suppressed_total{reason=\"inhibition\"} 1");
	assert_line(text,
		"alertmanager_notifications_suppressed_total{reason=\"mute_time_interval\"} 1");
	assert_line(text,
		"alertmanager_notifications_suppressed_total{reason=\"active_time_interval\"} 1");
	assert_line(text, "alertmanager_receivers 2");
	assert_line(text, "alertmanager_integrations 1");
	assert_line(text, "alertmanager_inhibition_rules 1");
	assert_line(text, "tolld_notify_notifications_sent_total 1");
	free(text);
	strbuf_release(&settings);
	world_end(&w);
}

static void a_series_never_comes_twice(void **state)
{
	struct world w;
	size_t n = 0;
	char *text;

	world_begin(&w);
	add_services(&w);
	text = ask_text(&w, "GET", "/metrics", 200);
	for (const char *p = text; (p = strstr(p, "tolld_service_up{service=\"web\"")); p++)
		n++;
	assert_int_equal(n, 1);
	free(text);
	world_end(&w);
}

static void this_process_has_memory_and_descriptors(void **state)
{
	static const char *const names[] = { "process_resident_memory_bytes", "process_open_fds",
		"process_cpu_seconds_total", "process_threads", "process_max_fds" };
	struct world w;
	char *text;

	world_begin(&w);
	text = ask_text(&w, "GET", "/metrics", 200);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct strbuf zero = STRBUF_INIT;

		strbuf_addf(&zero, "\n%s 0\n", names[i]);
		assert_null(strstr(text, zero.s));
		assert_non_null(strstr(text, names[i]));
		strbuf_release(&zero);
	}
	free(text);
	world_end(&w);
}

/* Gives text to a program; its exit status, with what it said on the test's own output. */
static int pipe_to(const char *const *argv, const char *text)
{
	posix_spawn_file_actions_t actions;
	int fds[2], status;
	pid_t pid;

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, fds[0], 0);
	assert_int_equal(
		posix_spawn(&pid, argv[0], &actions, NULL, (char **)(uintptr_t)argv, environ), 0);
	posix_spawn_file_actions_destroy(&actions);
	close(fds[0]);
	for (size_t len = strlen(text); len;) {
		ssize_t n = write(fds[1], text, len);

		assert_true(n > 0);
		text += n;
		len -= (size_t)n;
	}
	close(fds[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void promtool_finds_nothing_to_say(void **state)
{
	static const char *const argv[] = { "/usr/bin/promtool", "check", "metrics", NULL };
	struct world w;
	char *text;

	if (access(argv[0], X_OK) < 0) {
		print_message("SKIPPED: %s is not installed\n", argv[0]);
		skip();
	}
	world_begin(&w);
	add_services(&w);
	route_count(w.api, 0, 200);
	route_count(w.api, 5, 422);
	route_count(w.api, 1000, 999);
	text = ask_text(&w, "GET", "/metrics", 200);
	assert_line(text, "tolld_http_requests_total{handler=\"/metrics\",code=\"200\"} 1");
	assert_line(text, "tolld_http_requests_total{handler=\"other\",code=\"other\"} 1");
	/* It exits with 3 for what it would only like better. */
	assert_int_equal(pipe_to(argv, text), 0);
	free(text);
	world_end(&w);
}

/* -- the table -------------------------------------------------------------------------------- */

static bool ends_with(const char *s, const char *end)
{
	size_t len = strlen(s), end_len = strlen(end);

	return len >= end_len && streq(s + len - end_len, end);
}

static void names_follow_the_conventions(void **state)
{
	static const char *const units[] = { "_milliseconds", "_ms", "_kilobytes", "_megabytes",
		"_minutes", "_percent" };

	for (size_t i = 0; i < n_metrics; i++) {
		const struct metric *m = &metrics[i];

		if (strspn(m->name, "abcdefghijklmnopqrstuvwxyz_") != strlen(m->name))
			fail_msg("%s is no name", m->name);
		if (ends_with(m->name, "_total") != (m->kind == COUNTER))
			fail_msg("%s is a %s", m->name, metric_kind_name(m->kind));
		for (size_t u = 0; u < ARRAY_SIZE(units); u++) {
			if (strstr(m->name, units[u]))
				fail_msg("%s is in no base unit", m->name);
		}
		if (!ends_with(m->help, ".") || strpbrk(m->help, "\\\n|"))
			fail_msg("%s: %s", m->name, m->help);
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(m->name, metrics[k].name);
		assert_ptr_equal(metric_find(m->name), m);
	}
	assert_null(metric_find("tolld_nothing"));
}

static void every_row_of_a_service_is_in_the_table(void **state)
{
	for (size_t row = 0; row < SERVICE_ROWS; row++) {
		const struct metric *m = metric_find(service_rows[row].family);

		if (!m || m->field != NO_FIELD)
			fail_msg("%s", service_rows[row].family);
		if (service_rows[row].label)
			assert_string_equal(m->labels, service_rows[row].label);
		else
			assert_null(m->labels);
		/* Those of one family follow each other. */
		for (size_t k = row + 2; k < SERVICE_ROWS; k++) {
			if (streq(service_rows[row].family, service_rows[k].family))
				assert_string_equal(
					service_rows[k - 1].family, service_rows[k].family);
		}
	}
	for (size_t i = 0; i < n_metrics; i++) {
		bool found = !starts_with(metrics[i].name, "tolld_service_");

		for (size_t row = 0; row < SERVICE_ROWS && !found; row++)
			found = streq(service_rows[row].family, metrics[i].name);
		if (!found)
			fail_msg("%s is in the table, and no figure", metrics[i].name);
	}
}

/* The family that a sample's line belongs to. */
static void family_of(const char *line, char ret[128])
{
	static const char *const suffixes[] = { "_bucket", "_sum", "_count" };
	size_t len = strcspn(line, "{ ");

	assert_true(len < 128);
	memcpy(ret, line, len);
	ret[len] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(suffixes) && !metric_find(ret); i++) {
		if (ends_with(ret, suffixes[i]))
			ret[len - strlen(suffixes[i])] = '\0';
	}
}

static void nothing_is_told_that_is_not_in_the_table(void **state)
{
	struct world w;
	char *text;

	world_begin(&w);
	add_services(&w);
	text = ask_text(&w, "GET", "/metrics", 200);
	for (char *line = text; *line; line += strcspn(line, "\n") + 1) {
		char family[128];

		if (*line == '#')
			continue;
		family_of(line, family);
		if (!metric_find(family))
			fail_msg("%.60s is in no row of metric_table.c", line);
	}
	free(text);
	world_end(&w);
}

static void the_table_is_printed_whole(void **state)
{
	struct strbuf text = STRBUF_INIT, markdown = STRBUF_INIT;

	metric_table_print(&text, false);
	metric_table_print(&markdown, true);
	for (size_t i = 0; i < n_metrics; i++) {
		struct strbuf row = STRBUF_INIT;

		strbuf_addf(&row, "\n| `%s` | %s | ", metrics[i].name,
			metric_kind_name(metrics[i].kind));
		assert_non_null(strstr(markdown.s, row.s));
		assert_non_null(strstr(text.s, metrics[i].name));
		assert_non_null(strstr(text.s, metrics[i].help));
		strbuf_release(&row);
	}
	assert_non_null(strstr(
		markdown.s, "| `tolld_http_requests_total` | counter | `handler`, `code` |"));
	strbuf_release(&text);
	strbuf_release(&markdown);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_what_the_modules_count),
		cmocka_unit_test(tells_alertmanagers_figures_by_its_names),
		cmocka_unit_test(a_series_never_comes_twice),
		cmocka_unit_test(this_process_has_memory_and_descriptors),
		cmocka_unit_test(names_follow_the_conventions),
		cmocka_unit_test(every_row_of_a_service_is_in_the_table),
		cmocka_unit_test(nothing_is_told_that_is_not_in_the_table),
		cmocka_unit_test(the_table_is_printed_whole),
		cmocka_unit_test(promtool_finds_nothing_to_say),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
