/* Alertmanager's functions and data, as templates see them. */
#include "deliver/fixture.h"

#include <jansson.h>
#include <math.h>
#include <time.h>
#include "deliver/data.h"
#include "deliver/functions.h"
#include "deliver/go_time.h"
#include "template/template.h"

static const struct functions_data now = { .now_wall_ms = AT_WALL_MS };

static int render(enum template_mode mode, const char *text, const struct tvalue *data,
	struct strbuf *out, struct template_error *err)
{
	struct template_set *set = NULL;
	int result;

	err->text[0] = '\0';
	result = template_set_new(mode, mail_template_functions, &set);
	if (!result)
		result = template_parse(set, "", text, strlen(text), err);
	if (!result)
		result = template_execute(set, "", data, NULL, (void *)&now, out, err);
	template_set_free(set);
	return result;
}

static struct notification *two_alerts(void)
{
	struct notification *n = fixture_group(LABELS("alertname", "Down", "zone", "a"));
	struct alert *alert;

	alert = fixture_add(n,
		LABELS("alertname", "Down", "Job", "node", "zone", "a", "instance", "h<1>"),
		LABELS("cause", "killed", "summary", "1 & 2"), AT_WALL_MS - 70500, 0);
	alert->ends_wall_ms = AT_WALL_MS + 300000; /* only until its sender is missed */
	alert->generator_url = strdup("http://pi/g?x=1&y=2");
	fixture_add(n, LABELS("alertname", "Down", "Job", "node", "zone", "a", "instance", "h2"),
		LABELS("cause", "killed"), AT_WALL_MS - 100000, AT_WALL_MS - 40000);
	free(n->receiver);
	n->receiver = strdup("team.a");
	return n;
}

static const struct {
	const char *in, *out;
} rows[] = {
	{ "{{.Receiver}} {{.Status}} {{.ExternalURL}} {{.NotificationReason}} {{.Cause}}",
		"team\\.a firing http://pi:9093 first notification killed" },
	{ "{{len .Alerts}} {{.Alerts.Firing | len}} {{len .Alerts.Resolved}}", "2 1 1" },
	{ "{{range .Alerts}}{{.Status}} {{.Labels.instance}} {{.Fingerprint | len}};{{end}}",
		"firing h<1> 16;resolved h2 16;" },
	{ "{{.GroupLabels}}|{{.CommonLabels}}|{{.CommonAnnotations}}|{{.RouteLabels}}",
		"alertname=Down, zone=a|alertname=Down, Job=node, zone=a|cause=killed|" },
	{ "{{.CommonLabels.SortedPairs.Names}} {{.CommonLabels.Names | join \"/\"}}",
		"alertname, Job, zone alertname/Job/zone" },
	{ "{{.CommonLabels.Values.Join \"+\"}} {{.CommonLabels.SortedPairs}}",
		"Down+node+a alertname=Down, Job=node, zone=a" },
	{ "{{printf \"%v %.5s %q %20v\" .GroupLabels .GroupLabels .GroupLabels.Names .GroupLabels.Values}}",
		"alertname=Down, zone=a alert \"alertname, zone\"              Down, a" },
	{ "{{printf \"%d\" .GroupLabels.Names}}", "[%!d(string=alertname) %!d(string=zone)]" },
	{ "{{slice .Alerts 0 0 | len}} {{with $d := .}}{{slice (print $d) 0 64}}{{end}}",
		"0 {team\\.a firing [{firing alertname=Down, Job=node, instance=h<1>" },
	{ "{{title \"it's \u00e9t\u00e9 'x' o'\u00e9\"}}|{{toUpper \"\u00e4\u0436\u03c3\"}}|{{toLower \"\u00c4\"}}",
		"It's \u00c9t\u00e9 'X' O'\u00c9|\u00c4\u0416\u03a3|\u00e4" },
	{ "{{range .GroupLabels.SortedPairs}}{{.Name}}={{.Value}};{{end}}",
		"alertname=Down;zone=a;" },
	{ "{{range $k, $v := .GroupLabels}}{{$k}}={{$v}};{{end}}", "alertname=Down;zone=a;" },
	{ "{{.CommonLabels.Remove .GroupLabels.Names}} "
	  "{{.CommonLabels.Remove (stringSlice \"Job\" \"x\")}}",
		"Job=node alertname=Down, zone=a" },
	{ "{{with .CommonLabels.Remove .GroupLabels.Names}}{{.Values | join \" \"}}{{end}}",
		"node" },
	{ "{{if .CommonLabels.nope}}x{{else}}[{{.CommonLabels.nope}}]{{end}}", "[]" },
	{ "{{index .CommonLabels \"Job\"}} {{(index .Alerts 1).Labels.instance}}", "node h2" },
	{ "{{with index .Alerts 0}}{{.StartsAt}} {{.EndsAt}} {{.EndsAt.IsZero}} "
	  "{{.GeneratorURL}} {{.Annotations.summary}} {{.Cause}}{{end}}",
		"2026-11-22 15:45:14.5 +0000 UTC 0001-01-01 00:00:00 +0000 UTC true "
		"http://pi/g?x=1&y=2 1 & 2 killed" },
	{ "{{with index .Alerts 1}}{{.EndsAt.Sub .StartsAt}} {{(.EndsAt.Sub .StartsAt).Seconds}} "
	  "{{.StartsAt.Before .EndsAt}} {{.StartsAt.Unix}}{{end}}",
		"1m0s 60 true 1795362285" },
	{ "{{with index .Alerts 0}}{{since .StartsAt}} {{since .StartsAt | humanizeDuration}} "
	  "{{(.StartsAt.Add 1500000000).Format \"15:04:05\"}}{{end}}",
		"1m10.5s 1m 10s 15:45:16" },
	{ "{{with index .Alerts 0}}{{.StartsAt.Format \"Mon, 02 Jan 2006 15:04:05 MST\"}}|"
	  "{{.StartsAt | tz \"Asia/Kolkata\" | date \"2006-01-02T15:04:05.000Z07:00\"}}|"
	  "{{.StartsAt.Year}} {{.StartsAt.Month}} {{.StartsAt.YearDay}}{{end}}",
		"Sun, 22 Nov 2026 15:45:14 UTC|2026-11-22T21:15:14.500+05:30|2026 November 326" },
	{ "{{now | date \"3:04PM\"}} {{now.UTC.Hour}}", "3:46PM 15" },
	{ "{{toDate \"02.01.2006 15:04 -0700\" \"24.12.2025 18:30 +0100\"}}",
		"2025-12-24 17:30:00 +0000 UTC" },
	{ "{{\" a b\\n\" | trimSpace}}|{{title \"hello wORLD\"}}|{{toUpper \"x\"}}|{{toLower \"X\"}}",
		"a b|Hello World|X|x" },
	{ "{{match \"^a\" \"abc\"}} {{reReplaceAll \"(b)\" \"<$1>\" \"abc\"}}", "true a<b>c" },
	{ "{{\"a+b%2Fc%zz\" | len}} {{urlUnescape \"a+b%2Fc\"}}", "10 a b/c" },
	{ "{{base64encode \"\"}}|{{base64encode \"a\"}}|{{base64encode \"ab\"}}|"
	  "{{base64encode \"\\xff\\xfe\\xfd\"}}|{{base64decode \"YWI=\"}}{{base64decode \"\"}}",
		"|YQ==|YWI=|__79|ab" },
	{ "{{$d := dict \"b\" 1 \"a\" \"x\" \"b\" 2}}{{$d}} {{$d.a}} {{len $d}}",
		"map[a:x b:2] x 2" },
	{ "{{list 1 \"b\" | toJson}} {{dict \"k\" (list) | toJson}} {{append (list 1) 2}}",
		"[1,\"b\"] {\"k\":[]} [1 2]" },
	{ "{{.GroupLabels | toJson}} {{.GroupLabels.SortedPairs | toJson}} {{1.5 | toJson}}",
		"{\"alertname\":\"Down\",\"zone\":\"a\"} [{\"Name\":\"alertname\",\"Value\":\"Down\"},"
		"{\"Name\":\"zone\",\"Value\":\"a\"}] 1.5" },
	{ "{{range .Alerts.Resolved}}{{. | toJson}}{{end}}",
		"{\"status\":\"resolved\",\"labels\":{\"Job\":\"node\",\"alertname\":\"Down\","
		"\"instance\":\"h2\",\"zone\":\"a\"},\"annotations\":{\"cause\":\"killed\"},"
		"\"startsAt\":\"2026-11-22T15:44:45Z\",\"endsAt\":\"2026-11-22T15:45:45Z\","
		"\"generatorURL\":\"\",\"fingerprint\":\"2f5c9f2e5ea4f2c1\"}" },
	{ "{{\"<\" | toJson}}", "\"\\u003c\"" },
};

static void templates_see_alertmanagers_data(void **state)
{
	struct notification *n = two_alerts();
	struct arena arena = ARENA_INIT;
	struct template_error err;
	struct tvalue data;
	char fingerprint[17];

	snprintf(fingerprint, sizeof(fingerprint), "%016llx",
		(unsigned long long)alert_fingerprint(n->alerts[1]));
	assert_int_equal(data_new(&arena, n, &fixture_options, &data), 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct strbuf out = STRBUF_INIT;
		char *placed;

		if (render(TEMPLATE_TEXT, rows[i].in, &data, &out, &err))
			fail_msg("%s: %s", rows[i].in, err.text);
		placed = strstr(out.s, fingerprint);
		if (placed)
			memcpy(placed, "2f5c9f2e5ea4f2c1", 16);
		if (!streq(out.s, rows[i].out))
			fail_msg("%s\n gives %s\n not   %s", rows[i].in, out.s, rows[i].out);
		strbuf_release(&out);
	}
	arena_release(&arena);
	notification_unref(n);
}

static const struct {
	const char *in, *error;
} bad[] = {
	{ "{{.Alerts.Gone}}", "can't evaluate field Gone in type template.Alerts" },
	{ "{{.Gone}}", "can't evaluate field Gone in type *template.Data" },
	{ "{{range .Alerts}}{{.Name}}{{end}}", "can't evaluate field Name in type template.Alert" },
	{ "{{.CommonLabels.Remove}}", "wrong number of args for Remove" },
	{ "{{.CommonLabels.Remove \"x\"}}", "Remove wants a list" },
	{ "{{.Status \"x\"}}", "not a method" },
	{ "{{join \",\" \"x\"}}", "join wants" },
	{ "{{now | tz \"Mars/Base\"}}", "unknown time zone Mars/Base" },
	{ "{{date \"2006\" \"x\"}}", "expected a time" },
	{ "{{urlUnescape \"%zz\"}}", "invalid URL escape \"%zz\"" },
	{ "{{base64decode \"a\"}}", "illegal base64" },
	{ "{{base64decode \"a*==\"}}", "illegal base64 data at input byte 1" },
	{ "{{mustToDate \"2006-01-02\" \"2023-02-29\"}}", "day out of range" },
	{ "{{mustToDate \"2006\" \"2023x\"}}", "extra text: \"x\"" },
	{ "{{reReplaceAll \"(\" \"\" \"x\"}}", "error calling reReplaceAll" },
	{ "{{$x := list}}{{range 100}}{{$x = list $x}}{{end}}{{toJson $x}}", "nested too deep" },
	{ "{{dict 1 2}}", "dict keys must be strings" },
};

static void mistakes_are_told_by_their_function(void **state)
{
	struct notification *n = two_alerts();
	struct arena arena = ARENA_INIT;
	struct template_error err;
	struct tvalue data;

	assert_int_equal(data_new(&arena, n, &fixture_options, &data), 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct strbuf out = STRBUF_INIT;

		if (render(TEMPLATE_TEXT, bad[i].in, &data, &out, &err) != -EINVAL)
			fail_msg("%s gives %s", bad[i].in, out.s);
		if (!strstr(err.text, bad[i].error))
			fail_msg("%s: %s", bad[i].in, err.text);
		strbuf_release(&out);
	}
	arena_release(&arena);
	notification_unref(n);
}

/* Sorted by what they are for; all in UTC. */
static const struct {
	const char *layout, *text;
} times[] = {
	{ "2006-01-02 15:04:05.999999999 -0700 MST", "2026-11-22 15:46:25.25 +0000 UTC" },
	{ "Monday, January 2 2006", "Sunday, November 22 2026" },
	{ "Jan _2 06 3:04:05 pm", "Nov 22 26 3:46:25 pm" },
	{ "2006-002 03PM", "2026-326 03PM" },
	{ "15:04:05.000", "15:46:25.250" },
	{ "15:04:05,00 Z07:00 -07", "15:46:25,25 Z +00" },
	{ "Janus 2006", "Janus 2026" },
	{ "1/2/2006", "11/22/2026" },
};

static void layouts_write_a_time_and_read_it(void **state)
{
	struct go_time t = go_time_from_ms(AT_WALL_MS + 250), again;
	char error[200];

	for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
		struct strbuf out = STRBUF_INIT, twice = STRBUF_INIT;

		go_time_format(&t, times[i].layout, &out);
		assert_string_equal(out.s, times[i].text);
		if (go_time_parse(times[i].layout, out.s, &again, error, sizeof(error)))
			fail_msg("%s", error);
		go_time_format(&again, times[i].layout, &twice);
		assert_string_equal(twice.s, out.s);
		strbuf_release(&out);
		strbuf_release(&twice);
	}
}

static void durations_print_as_go_prints_them(void **state)
{
	static const struct {
		int64_t ns;
		const char *text;
	} durations[] = { { 0, "0s" }, { 1, "1ns" }, { 1100, "1.1µs" }, { 2200000, "2.2ms" },
		{ 3300000000, "3.3s" }, { 245000000000, "4m5s" }, { 245001000000, "4m5.001s" },
		{ 18367001000000, "5h6m7.001s" }, { 480000000001, "8m0.000000001s" },
		{ -1, "-1ns" }, { INT64_MAX, "2562047h47m16.854775807s" },
		{ INT64_MIN, "-2562047h47m16.854775808s" } };

	for (size_t i = 0; i < ARRAY_SIZE(durations); i++) {
		struct strbuf out = STRBUF_INIT;

		go_duration_format(durations[i].ns, &out);
		assert_string_equal(out.s, durations[i].text);
		strbuf_release(&out);
	}
}

/* -- Alertmanager's own cases -- */

static struct tvalue list_of(struct arena *arena, const double *v, size_t n)
{
	struct tvalue *items = arena_alloc(arena, n * sizeof(*items));

	assert_non_null(items);
	for (size_t i = 0; i < n; i++)
		items[i] = v[i] == floor(v[i]) ? tvalue_int((int64_t)v[i]) : tvalue_float(v[i]);
	return (struct tvalue){ .type = TVALUE_LIST, .list = { .items = items, .n = n } };
}

/* What the case runs on: the file has only templates and what they give. */
static struct tvalue data_of(struct arena *arena, const char *title, const struct tvalue *mail)
{
	static const double whole[] = { 0, 1, 60, 3600, 86400, 86400 + 3600,
		-(86400 * 2 + 3600 * 3 + 60 * 4 + 5), 899.99 };
	static const double small[] = { .1, .0001, .12345, 60.1, 60.5, 1.2345, 12.345 };
	static const double natural[] = { 0, 1, 1234567 };
	static struct tvalue abc[3], joined[2];
	struct go_time t = { .unix_seconds = 1704096930 };
	struct tvalue value = { .type = TVALUE_NIL };

	for (size_t i = 0; i < 3; i++)
		abc[i] = tvalue_string(&"a\0b\0c"[2 * i], 1);
	joined[0] = tvalue_string("abc", 3);
	joined[1] = tvalue_string("def", 3);
	if (strstr(title, "with slice"))
		return data_strings(abc, 3);
	if (strstr(title, "join"))
		return data_strings(joined, 2);
	if (strstr(title, "seconds - float64"))
		return strstr(title, "subsecond") ? list_of(arena, small, ARRAY_SIZE(small))
						  : list_of(arena, whole, ARRAY_SIZE(whole));
	if (strstr(title, "subsecond"))
		return list_of(arena, small, ARRAY_SIZE(small));
	if (strstr(title, "uint"))
		return list_of(arena, natural, ARRAY_SIZE(natural));
	if (strstr(title, "using tz")) {
		assert_int_equal(go_time_value(arena, &t, &value), 0);
		return value;
	}
	return strstr(title, "Alerts") ? *mail : value;
}

/* In our messages the place and the function differ; what went wrong must be the same. */
static void check_error(const char *title, const char *text, const char *expected)
{
	const char *cause = expected ? strstr(expected, "error calling ") : NULL;
	struct strbuf plain = STRBUF_INIT;

	for (; cause && *cause; cause++) {
		if (*cause != '\\')
			strbuf_addch(&plain, *cause);
	}
	if (plain.len && !strstr(text, plain.s))
		fail_msg("%s: %s\nnot %s", title, text, plain.s);
	strbuf_release(&plain);
}

static void run_case(const json_t *one, const struct tvalue *mail)
{
	const char *title = json_string_value(json_object_get(one, "title"));
	const char *in = json_string_value(json_object_get(one, "in"));
	const char *expected = json_string_value(json_object_get(one, "exp"));
	bool html = json_is_true(json_object_get(one, "html"));
	bool fail = json_is_true(json_object_get(one, "fail"));
	struct arena arena = ARENA_INIT;
	struct strbuf out = STRBUF_INIT;
	struct template_error err;
	struct tvalue data = data_of(&arena, title, mail);
	int result;

	result = render(html ? TEMPLATE_HTML : TEMPLATE_TEXT, in, &data, &out, &err);
	if (fail != (result != 0))
		fail_msg("%s: %s: %s", title, in, result ? err.text : out.s);
	if (fail)
		check_error(title, err.text, expected);
	else if (expected && !streq(out.s, expected))
		fail_msg("%s: %s\n gives %s\n not   %s", title, in, out.s, expected);
	strbuf_release(&out);
	arena_release(&arena);
}

static void alertmanagers_cases_come_out_the_same(void **state)
{
	const char *dir = conformance_dir();
	struct notification *n = two_alerts();
	struct arena arena = ARENA_INIT;
	struct tvalue mail;
	char path[500];
	json_t *cases;

	if (!dir) {
		notification_unref(n);
		skip();
	}
	snprintf(path, sizeof(path), "%s/template/cases.json", dir);
	cases = json_load_file(path, 0, NULL);
	assert_non_null(cases);
	assert_int_equal(data_new(&arena, n, &fixture_options, &mail), 0);
	for (size_t i = 0; i < json_array_size(cases); i++)
		run_case(json_array_get(cases, i), &mail);
	print_message("%zu cases of Alertmanager's pass\n", json_array_size(cases));
	assert_true(json_array_size(cases) >= 30);
	json_decref(cases);
	arena_release(&arena);
	notification_unref(n);
}

static int render_once(void *userdata)
{
	struct strbuf out = STRBUF_INIT;
	struct arena arena = ARENA_INIT;
	struct template_error err;
	struct tvalue data;
	int result = data_new(&arena, userdata, &fixture_options, &data);

	if (!result)
		result = render(TEMPLATE_TEXT,
			"{{.CommonLabels.Remove .GroupLabels.Names}}{{range .Alerts.Firing}}"
			"{{.Labels.SortedPairs.Values | join \",\"}}{{.StartsAt | tz \"Asia/Kolkata\"}}"
			"{{toJson .}}{{end}}{{dict \"a\" (list 1)}}",
			&data, &out, &err);
	strbuf_release(&out);
	arena_release(&arena);
	return result;
}

static void survives_without_memory(void **state)
{
	struct notification *n = two_alerts();

	with_failing_allocations(render_once, n);
	notification_unref(n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(templates_see_alertmanagers_data),
		cmocka_unit_test(mistakes_are_told_by_their_function),
		cmocka_unit_test(layouts_write_a_time_and_read_it),
		cmocka_unit_test(durations_print_as_go_prints_them),
		cmocka_unit_test(alertmanagers_cases_come_out_the_same),
		cmocka_unit_test(survives_without_memory),
	};

	return cmocka_run_group_tests(tests, fixture_in_utc, NULL);
}
