/* Texts of labels and annotations: Prometheus's data and functions. */
#include "harness.h"

#include <math.h>
#include "rules/expand.h"
#include "template/humanize.h"

static struct expand_data make_data(struct tsdb *db)
{
	const char *const labels[][2] = { { "__name__", "m" }, { "a", "1" } };
	const char *const external[][2] = { { "site", "home" } };

	return (struct expand_data){
		.labels = labels_new(2, labels),
		.external_labels = labels_new(1, external),
		.external_url = "http://pi:9090/tolld",
		.value = 1e6,
		.db = db,
		.wall_ms = 1643114203000,
	};
}

static const struct {
	const char *in, *out;
} rows[] = {
	{ "plain", "plain" },
	{ "{{ $value }} {{ $labels.a }} {{ $labels }}", "1e+06 1 map[__name__:m a:1]" },
	{ "{{ .Value }} {{ .Labels.a }} {{ $externalLabels.site }}{{ $labels.none }}",
		"1e+06 1 home" },
	{ "{{ $value | humanize }} {{ $value | humanize1024 }} {{ $value | humanizeDuration }}",
		"1M 976.6ki 11d 13h 46m 40s" },
	{ "{{ humanizePercentage 0.959 }} {{ humanizeTimestamp 1643114203 }}",
		"95.9% 2022-01-25 12:36:43 +0000 UTC" },
	{ "{{ humanizeTimestamp 1643114203.5 }}", "2022-01-25 12:36:43.5 +0000 UTC" },
	{ "{{ humanizeTimestamp -21.4970703125 }} {{ toTime -0.0005 }} {{ toTime 9.2e9 }}",
		"1969-12-31 23:59:38.503 +0000 UTC 1970-01-01 00:00:00 +0000 UTC "
		"2261-07-15 11:33:20 +0000 UTC" },
	{ "{{ humanizeTimestamp 0 }} {{ humanizeTimestamp \"NaN\" }} {{ humanizeTimestamp \"-Inf\" }}",
		"1970-01-01 00:00:00 +0000 UTC NaN -Inf" },
	{ "{{ humanizeDuration 135.3563 }} {{ humanizeDuration 0.0015 }} {{ humanizeDuration -59.9 }}",
		"2m 15s 1.5ms -59.9s" },
	{ "{{ title \"it's \u00e9_x-y z1a \u00e9t\u00e9\" }} {{ toUpper \"\u00e9t\\377\" }}",
		"It'S \u00c9_x-Y Z1a \u00c9t\u00e9 \u00c9T\ufffd" },
	{ "{{ toUpper \"a b\" }} {{ toLower \"THE\" }} {{ title \"this part\" }}",
		"A B the This Part" },
	{ "{{ reReplaceAll \"r.*d\" \"replaced\" \"rpld text\" }}", "replaced text" },
	{ "{{ reReplaceAll \"(a)(b)\" \"$2$1\" \"xabyab\" }} {{ reReplaceAll \"\" \"-\" \"ab\" }}",
		"xbayba -a-b-" },
	{ "{{ if match \"[0-9]+$\" \"1234a\" }}1{{ end }}{{ if match \"[0-9]+\" \"1234\" }}2{{ end }}",
		"2" },
	{ "{{ toDuration 90061.5 }} {{ toDuration 0.0015 }} {{ toDuration -90 }} {{ toDuration 0 }}",
		"25h1m1.5s 1.5ms -1m30s 0s" },
	{ "{{ toDuration 1e300 }} {{ toDuration 0.000002 }}", "1e+300 2\xc2\xb5s" },
	{ "{{ query \"metric{id='b'}\" | first }}", "{map[__name__:metric id:b] 2}" },
	{ "{{ parseDuration \"2h10m15s\" }}", "7815" },
	{ "{{ stripPort \"127.0.0.1:4004\" }} {{ stripPort \"[::1]:6006\" }} {{ stripPort \"x\" }}",
		"127.0.0.1 ::1 x" },
	{ "{{ stripDomain \"web.example.org:80\" }} {{ stripDomain \"10.0.0.1:80\" }}",
		"web:80 10.0.0.1:80" },
	{ "{{ stripDomain \"1.2.3\" }} {{ stripDomain \"1.2.3.4.5:6\" }} {{ stripDomain \"a.b:\" }}",
		"1 1:6 a" },
	{ "{{ stripDomain \"[::1]:80\" }} {{ stripDomain \"[a:b.c]:80\" }} {{ stripDomain \"a:b.c\" }}",
		"[::1]:80 [a:b]:80 a:b.c" },
	{ "{{ externalURL }} {{ pathPrefix }} {{ graphLink \"up == 0\" }}",
		"http://pi:9090/tolld /tolld /graph?g0.expr=up+%3D%3D+0&g0.tab=0" },
	{ "{{ define \"t\" }}{{ .arg0 }}-{{ .arg1 }}-{{ .arg2 }}{{ end }}"
	  "{{ template \"t\" (args \"foo\" \"bar\" 99) }}",
		"foo-bar-99" },
	{ "{{ printf \"%.2f\" $value }} {{ urlQueryEscape \"a b\" }}", "1000000.00 a+b" },
	{ "{{ range query \"metric\" | sortByLabel \"id\" }}{{ .Labels.id }}={{ .Value }};{{ end }}",
		"a=1;b=2;" },
	{ "{{ with query \"metric{id='b'}\" }}{{ . | first | value }}{{ . | first | label \"id\" }}{{ end }}",
		"2b" },
};

static struct tsdb *make_store(void)
{
	const struct tsdb_options options = TSDB_OPTIONS_DEFAULT;
	struct tsdb *db;

	assert_int_equal(tsdb_new(&options, &db), 0);
	for (int i = 0; i < 2; i++) {
		const char *const pairs[][2] = { { "__name__", "metric" },
			{ "id", i ? "a" : "b" } };
		struct labels *labels = labels_new(2, pairs);
		struct series *series;

		assert_int_equal(tsdb_series(db, labels, &series), 0);
		assert_int_equal(tsdb_append(db, series, 1643114202000, i ? 1 : 2), 0);
		series_unref(series);
		labels_unref(labels);
	}
	return db;
}

static char *expand(const char *text, const struct expand_data *data)
{
	struct config_pair pair = { { .s = (char *)"summary" }, { .s = (char *)text } };
	const struct config_pairs config = { .items = &pair, .n = 1 };
	struct labels_builder b = LABELS_BUILDER_INIT;
	struct diag diag = DIAG_INIT;
	struct expand_pairs pairs;
	struct labels *labels;
	char *out;

	if (expand_parse(&config, &pairs, &diag))
		fail_msg("%s: %s", text, diag.entries[0].text);
	expand_apply(&pairs, data, &b);
	assert_int_equal(labels_build(&b, &labels), 0);
	out = strdup(labels->n ? labels->v[0].value : "");
	labels_unref(labels);
	expand_release(&pairs);
	diag_release(&diag);
	return out;
}

static void annotations_come_out_as_prometheus_writes_them(void **state)
{
	struct tsdb *db = make_store();
	struct expand_data data = make_data(db);

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char *out = expand(rows[i].in, &data);

		if (!streq(out, rows[i].out))
			fail_msg("%s\n gives %s\n not   %s", rows[i].in, out, rows[i].out);
		free(out);
	}
	labels_unref((struct labels *)data.labels);
	labels_unref((struct labels *)data.external_labels);
	tsdb_free(db);
}

static void a_template_that_fails_leaves_its_error_as_the_text(void **state)
{
	struct tsdb *db = make_store();
	struct expand_data data = make_data(db);
	char *out = expand("{{ query \"up ==\" }}", &data);

	assert_true(starts_with(out, "<error expanding template: "));
	free(out);
	out = expand("{{ query \"none\" | first }}", &data);
	assert_non_null(strstr(out, "first() called on vector with no elements"));
	free(out);
	out = expand("{{ humanizeTimestamp 1e11 }}", &data);
	assert_non_null(strstr(out, "1e+11 cannot be represented as a nanoseconds timestamp"));
	free(out);
	out = expand("{{ toTime \"NaN\" }}", &data);
	assert_non_null(strstr(out, "error calling toTime: value is NaN or Inf"));
	free(out);
	out = expand("{{ strvalue 5 }}", &data);
	assert_non_null(strstr(out, "error calling strvalue: expected a sample"));
	free(out);
	out = expand("{{ query \"metric\" | label \"id\" }}", &data);
	assert_non_null(strstr(out, "error calling label: expected a sample"));
	free(out);
	out = expand("{{ .Lables.a }}", &data);
	assert_non_null(strstr(out, "can't evaluate field Lables in type"));
	free(out);
	labels_unref((struct labels *)data.labels);
	labels_unref((struct labels *)data.external_labels);
	tsdb_free(db);
}

static void a_template_that_cannot_be_parsed_is_told_with_its_name(void **state)
{
	struct config_pair pair = { { .s = (char *)"summary" },
		{ .s = (char *)"{{ $lables.x }}" } };
	const struct config_pairs config = { .items = &pair, .n = 1 };
	struct diag diag = DIAG_INIT;
	struct expand_pairs pairs;

	assert_int_equal(expand_parse(&config, &pairs, &diag), -EINVAL);
	assert_int_equal(diag.errors, 1);
	assert_string_equal(
		diag.entries[0].text, "the template of 'summary': undefined variable \"$lables\"");
	expand_release(&pairs);
	diag_release(&diag);
}

static void numbers_are_written_for_people(void **state)
{
	static const struct {
		void (*fn)(struct strbuf *out, double v);
		double v;
		const char *text;
	} table[] = {
		{ humanize, 0, "0" },
		{ humanize, 1, "1" },
		{ humanize, 1234567, "1.235M" },
		{ humanize, 0.12, "120m" },
		{ humanize, -1e-7, "-100n" },
		{ humanize, INFINITY, "+Inf" },
		{ humanize, 999.99, "1000" },
		{ humanize_1024, 1048576, "1Mi" },
		{ humanize_1024, 0.5, "0.5" },
		{ humanize_1024, 5e18, "4.337Ei" },
		{ humanize_duration, 0, "0s" },
		{ humanize_duration, 1, "1s" },
		{ humanize_duration, 60, "1m 0s" },
		{ humanize_duration, 3600, "1h 0m 0s" },
		{ humanize_duration, 90061, "1d 1h 1m 1s" },
		{ humanize_duration, -183845, "-2d 3h 4m 5s" },
		{ humanize_duration, 0.1, "100ms" },
		{ humanize_duration, 0.0001, "100us" },
		{ humanize_duration, 12.345, "12.35s" },
		{ humanize_duration, NAN, "NaN" },
		{ humanize_percentage, 0.123456, "12.35%" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct strbuf out = STRBUF_INIT;

		table[i].fn(&out, table[i].v);
		assert_string_equal(out.s, table[i].text);
		strbuf_release(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(annotations_come_out_as_prometheus_writes_them),
		cmocka_unit_test(a_template_that_fails_leaves_its_error_as_the_text),
		cmocka_unit_test(a_template_that_cannot_be_parsed_is_told_with_its_name),
		cmocka_unit_test(numbers_are_written_for_people),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
