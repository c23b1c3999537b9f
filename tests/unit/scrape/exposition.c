/* The text format: what Prometheus reads is read, what it refuses is refused, with its place. */
#include "harness.h"

#include <math.h>
#include "base/num.h"
#include "scrape/exposition.h"

/* "name{...} value @time" of each sample, joined by " ; "; an error as it is told. */
static char *told(const char *text, size_t len)
{
	struct exposition_entry entry;
	struct exposition p;
	struct strbuf out = STRBUF_INIT;
	char *s = NULL, number[NUM_MAX];
	int kind;

	exposition_init(&p, text, len);
	while ((kind = exposition_next(&p, &entry)) > EXPOSITION_END) {
		struct labels_builder b = LABELS_BUILDER_INIT;
		scoped(labels_unrefp) struct labels *labels = NULL;
		bool twice;

		if (kind != EXPOSITION_SAMPLE)
			continue;
		exposition_labels(entry.series, entry.series_len, p.type, &b, &twice);
		assert_int_equal(labels_build(&b, &labels), 0);
		strbuf_adds(&out, out.len ? " ; " : "");
		labels_format(labels, &out);
		strbuf_addch(&out, ' ');
		num_format(number, entry.value);
		strbuf_adds(&out, number);
		if (entry.has_time)
			strbuf_addf(&out, " @%lld", (long long)entry.wall_ms);
		strbuf_adds(&out, twice ? " twice" : "");
	}
	if (kind < 0) {
		strbuf_reset(&out);
		strbuf_adds(&out, p.error);
	}
	assert_int_equal(strbuf_finish(&out, &s), 0);
	return s;
}

static void reads_what_prometheus_reads(void **state)
{
	static const struct {
		const char *text, *wanted;
	} rows[] = {
		{ "", "" },
		{ "\n\n  \n", "" },
		{ "a 1", "a 1" },
		{ "a 1\nb 2\n", "a 1 ; b 2" },
		{ " \ta\t 1 \t\n", "a 1" },
		{ "a 1 1395066363000\n", "a 1 @1395066363000" },
		{ "a:b_c9{x=\"y\"} -1.5e3", "a:b_c9{x=\"y\"} -1500" },
		{ "a{} 1", "a 1" },
		{ "a {b=\"c\"} 1", "a{b=\"c\"} 1" },
		{ "a{b=\"c\"}1", "a{b=\"c\"} 1" },
		{ "a{ b = \"c\" , d = \"e\" , } 1", "a{b=\"c\", d=\"e\"} 1" },
		{ "a{b=\"c\"d=\"e\"} 1", "a{b=\"c\", d=\"e\"} 1" },
		{ "a{b=\"\"} 1", "a 1" },
		{ "a{b=\"x\\\\y\\\"z\\n\\t\"} 1", "a{b=\"x\\\\y\\\"z\\n\\\\t\"} 1" },
		{ "a{b=\"one\ntwo\"} 1\nc 2", "a{b=\"one\\ntwo\"} 1 ; c 2" },
		{ "a{b=\"}\"} 1", "a{b=\"}\"} 1" },
		{ "a{b=\"#\"} 1", "a{b=\"#\"} 1" },
		{ "{\"my.metric\",a=\"b\"} 1", "{\"my.metric\", a=\"b\"} 1" },
		{ "{a=\"b\",\"my.metric\"} 1", "{\"my.metric\", a=\"b\"} 1" },
		{ "{\"classic\"} 1", "classic 1" },
		{ "{\"q\\\"uote\"} 1", "{\"q\\\"uote\"} 1" },
		{ "a{\"b.c\"=\"d\"} 1", "a{\"b.c\"=\"d\"} 1" },
		{ "a{b=\"h\xc3\xa9\"} 1", "a{b=\"h\xc3\xa9\"} 1" },
		{ "a{b=\"1\",b=\"2\"} 1", "a{b=\"2\"} 1 twice" },
		{ "a{__name__=\"b\"} 1", "b 1 twice" },
		{ "a NaN\na nan\na Inf\na +Inf\na -inf\na infinity",
			"a NaN ; a NaN ; a +Inf ; a +Inf ; a -Inf ; a +Inf" },
		{ "# a comment\n#another\n# HELPX y\n# HELP\na 1\n# TYPE\n", "a 1" },
		{ "# HELP a\n# HELP a some \\\\ text\n# TYPE a counter\na 1", "a 1" },
		{ "#\tHELP\ta\tb\n", "" },
		{ "# UNIT a seconds\na 1", "a 1" },
		{ "# EOF\n", "" },
		{ "# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_bucket{le=\"+Inf\"} 2\nh_bucket{le=\"1000000\"} 3\n"
		  "h_bucket{le=\"0.5\"} 4\nh_bucket{le=\"x\"} 5",
			"h_bucket{le=\"1.0\"} 1 ; h_bucket{le=\"+Inf\"} 2 ; h_bucket{le=\"1e+06\"} 3 ; "
			"h_bucket{le=\"0.5\"} 4 ; h_bucket{le=\"x\"} 5" },
		{ "# TYPE s summary\ns{quantile=\"0\",le=\"1\"} 1",
			"s{le=\"1\", quantile=\"0.0\"} 1" },
		{ "# TYPE g gauge\ng{le=\"1\",quantile=\"1\"} 1", "g{le=\"1\", quantile=\"1\"} 1" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		scoped(freep) char *got = told(rows[i].text, strlen(rows[i].text));

		assert_string_equal(got, rows[i].wanted);
	}
}

static const struct {
	const char *text, *wanted;
} refused[] = {
	{ "a", "line 1, column 2: expected a value, got the end" },
	{ "a\n", "line 1, column 2: expected a value, got \"\\n\"" },
	{ "x 1\na{b='c'} 1\n",
		"line 2, column 5: expected a label value in double quotes, got \"'c'} 1\\n\"" },
	{ "a{b=\n", "line 1, column 5: expected a label value in double quotes, got \"\\n\"" },
	{ "a{\xff=\"foo\"} 1\n", "line 1, column 3: expected a label name" },
	{ "a{b=\"\xff\"} 1\n", "line 1, column 5: a label value that is not valid UTF-8" },
	{ "a{b=\"\xed\xa0\x80\"} 1\n", "line 1, column 5: a label value that is not valid UTF-8" },
	{ "a{b=\"\\\xff\"} 1\n", "line 1, column 5: a label value that is not valid UTF-8" },
	{ "a{\"\xff\"=\"b\"} 1", "line 1, column 3: a name that is empty or not valid UTF-8" },
	{ "a{\"\"=\"b\"} 1", "line 1, column 3: a name that is empty or not valid UTF-8" },
	{ "{\"\"} 1", "line 1, column 2: a name that is empty or not valid UTF-8" },
	{ "{\"a\", \"b = \"c\"}", "line 1, column 13: expected '='" },
	{ "{\"a\",b\\nc=\"d\"} 1", "line 1, column 7: expected '='" },
	{ "{\"a\",\"b\"} 1", "line 1, column 6: a second metric name" },
	{ "a{\"b\"} 1", "line 1, column 3: a second metric name" },
	{ "{a=\"ok\"} 1", "line 1, column 1: a sample without a metric name" },
	{ "{} 1", "line 1, column 1: a sample without a metric name" },
	{ "a true\n", "line 1, column 3: not a number" },
	{ "something_weird{problem=\"", "line 1, column 25: expected a label value" },
	{ "a{b=\"c\\\n\"} 1", "line 1, column 5: expected a label value" },
	{ "empty_label_name{=\"\"} 0", "line 1, column 18: expected a label name" },
	{ "a{,} 1", "line 1, column 3: expected a label name" },
	{ "a{b=\"c\",,} 1", "line 1, column 9: expected a label name" },
	{ "a{b} 1", "line 1, column 4: expected '='" },
	{ "a{b=\"c\" 1", "line 1, column 9: expected a label name" },
	{ "a{1b=\"c\"} 1", "line 1, column 3: expected a label name" },
	{ "a{b:c=\"c\"} 1", "line 1, column 4: expected '='" },
	{ "foo 1_2\n", "line 1, column 5: not a number" },
	{ "foo 0x1p-3\n", "line 1, column 5: not a number" },
	{ "foo 0x1P-3\n", "line 1, column 5: not a number" },
	{ "foo 0x1\n", "line 1, column 5: not a number" },
	{ "foo -NaN\n", "line 1, column 5: not a number" },
	{ "foo +nan\n", "line 1, column 5: not a number" },
	{ "foo 1e400\n", "line 1, column 5: a number too large" },
	{ "foo 1,5\n", "line 1, column 5: not a number" },
	{ "foo 1\r\n", "line 1, column 5: not a number" },
	{ "foo {\n", "line 1, column 6: expected a label name" },
	{ "foo 0 1_2\n",
		"line 1, column 8: expected the line's end after the timestamp, got \"_2\\n\"" },
	{ "foo 0 -1\n", "line 1, column 7: expected a timestamp or the line's end" },
	{ "foo 0 1.5\n", "line 1, column 8: expected the line's end" },
	{ "foo 0 99999999999999999999\n", "line 1, column 7: a timestamp too large" },
	{ "foo 1 2 # {}\n", "line 1, column 9: expected the line's end" },
	{ "foo 1 # {trace=\"x\"} 1\n", "line 1, column 7: expected a timestamp or the line's end" },
	{ "ok 1\n7&-\n", "line 2, column 1: expected a metric name" },
	{ "<html>\n", "line 1, column 1: expected a metric name, a comment or an empty line" },
	{ "# TYPE a wrong\n", "line 1, column 10: unknown metric type, got \"wrong\\n\"" },
	{ "# TYPE a  counter\n", "line 1, column 10: unknown metric type" },
	{ "# TYPE a counter \n", "line 1, column 10: unknown metric type" },
	{ "# TYPE a\n", "line 1, column 9: unknown metric type" },
	{ "# TYPE \n", "line 1, column 8: expected a metric name" },
	{ "# HELP 1a b\n", "line 1, column 8: expected a metric name" },
	{ "# HELP a \xff\n", "line 1, column 10: a help text that is not valid UTF-8" },
	{ "a{b=\"x\ny\"} 1\nc{ 1", "line 3, column 4: expected a label name" },
};

static void refuses_what_prometheus_refuses_and_says_where(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		scoped(freep) char *got = told(refused[i].text, strlen(refused[i].text));

		if (!starts_with(got, refused[i].wanted))
			fail_msg("row %zu: '%s' instead of '%s'", i, got, refused[i].wanted);
	}
}

#define BYTES(s) s, sizeof(s) - 1

static void nul_bytes_are_text_only_inside_quotes(void **state)
{
	static const struct {
		const char *text;
		size_t len;
		const char *wanted;
	} rows[] = {
		{ BYTES("m{a=\"abc\0\"} 1"), "m{a=\"abc\xef\xbf\xbd\"} 1" },
		{ BYTES("a{b=\"\0ss\"} 1\n"), "a{b=\"\xef\xbf\xbdss\"} 1" },
		{ BYTES("a{b=\"\0\"} 1\n"), "a{b=\"\xef\xbf\xbd\"} 1" },
		{ BYTES("a{b=\0\"ssss\"} 1\n"), "line 1, column 5: expected a label value" },
		{ BYTES("a{b=\"\0"), "line 1, column 5: expected a label value" },
		{ BYTES("a{b\0=\"hiih\"} 1"), "line 1, column 4: expected '='" },
		{ BYTES("a\0{b=\"ddd\"} 1"), "line 1, column 2: not a number" },
		{ BYTES("a 0 1\0"),
			"line 1, column 6: expected the line's end after the timestamp" },
		{ BYTES("a 1\n\0b 2"), "line 2, column 1: expected a metric name" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		scoped(freep) char *got = told(rows[i].text, rows[i].len);

		if (!starts_with(got, rows[i].wanted))
			fail_msg("row %zu: '%s' instead of '%s'", i, got, rows[i].wanted);
	}
}

static void too_long_a_line_is_a_fault(void **state)
{
	scoped(freep) char *text = malloc(EXPOSITION_MAX_ENTRY_BYTES + 100);
	scoped(freep) char *got = NULL;

	memset(text, 'a', EXPOSITION_MAX_ENTRY_BYTES + 50);
	memcpy(text + EXPOSITION_MAX_ENTRY_BYTES + 50, " 1\n", 4);
	got = told(text, strlen(text));
	assert_true(starts_with(got, "line 1, column 1: a metric with labels of more than 64 KiB"));
}

static void an_expected_series_is_told_from_others_that_begin_alike(void **state)
{
	static const struct {
		const char *series, *text;
		int wanted;
	} rows[] = {
		{ "a", "a 1\n", 1 },
		{ "a", "a\t 1", 1 },
		{ "a", "ab 1", 0 },
		{ "a", "a{b=\"c\"} 1", 0 },
		{ "a", "a {b=\"c\"} 1", 0 },
		{ "a{b=\"c\"}", "a{b=\"c\"} 1", 1 },
		{ "a", "a", 0 },
		{ "a{b=\"c\"}", "a{b=\"d\"} 1", 0 },
		{ "a", "a x", -EINVAL },
		{ "a", "a ", -EINVAL },
		{ "a", "\na 1", 0 },
		{ "a", "", 0 },
	};
	struct exposition_entry entry;
	struct exposition p;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		exposition_init(&p, rows[i].text, strlen(rows[i].text));
		assert_int_equal(
			exposition_expect(&p, rows[i].series, strlen(rows[i].series), &entry),
			rows[i].wanted);
		if (rows[i].wanted == 1)
			assert_true(entry.value == 1);
		if (!rows[i].wanted)
			assert_ptr_equal(p.at, p.text);
	}
}

static void label_presence_sees_empty_ones(void **state)
{
	const char *series = "a{instance=\"\", \"q.d\"=\"x\"}";

	assert_true(exposition_has_label(series, strlen(series), "instance"));
	assert_true(exposition_has_label(series, strlen(series), "q.d"));
	assert_false(exposition_has_label(series, strlen(series), "inst"));
	assert_false(exposition_has_label("a", 1, "instance"));
}

static void reads_the_collected_texts(void **state)
{
	static const struct {
		const char *name;
		size_t samples, helps, types;
	} rows[] = {
		{ "alltypes.237mfs.prom.txt", 1857, 237, 237 },
		{ "alltypes.237mfs.nometa.prom.txt", 1857, 0, 0 },
	};

	for (size_t i = 0; conformance_dir() && i < ARRAY_SIZE(rows); i++) {
		size_t counts[4] = { 0 }, len;
		char path[512];
		struct exposition_entry entry;
		struct exposition p;
		int kind;

		snprintf(path, sizeof(path), "%s/exposition/%s", conformance_dir(), rows[i].name);
		char *text = read_file(path, &len);

		exposition_init(&p, text, len);
		while ((kind = exposition_next(&p, &entry)) > EXPOSITION_END)
			counts[kind]++;
		assert_int_equal(kind, EXPOSITION_END);
		assert_int_equal(counts[EXPOSITION_SAMPLE], rows[i].samples);
		assert_int_equal(counts[EXPOSITION_HELP], rows[i].helps);
		assert_int_equal(counts[EXPOSITION_TYPE], rows[i].types);
		free(text);
	}
}

/* Cut and damaged texts: whatever comes, it ends, and faults have a place. */
static void damaged_texts_end(void **state)
{
	static const char text[] = "# TYPE a histogram\na{le=\"1\",b=\"\\\"x\\n\"} 1.5e3 12\n"
				   "{\"q.x\", c=\"h\xc3\xa9\"} NaN\n# HELP b \\\\ x\n";
	char copy[sizeof(text)];

	for (size_t at = 0; at < sizeof(text) - 1; at++) {
		for (int byte = 0; byte < 256; byte += 3) {
			char *exact = malloc(sizeof(text) - 1);

			memcpy(copy, text, sizeof(text));
			copy[at] = (char)byte;
			memcpy(exact, copy, sizeof(text) - 1);
			free(told(exact, sizeof(text) - 1));
			free(told(exact, at));
			free(exact);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_what_prometheus_reads),
		cmocka_unit_test(refuses_what_prometheus_refuses_and_says_where),
		cmocka_unit_test(nul_bytes_are_text_only_inside_quotes),
		cmocka_unit_test(too_long_a_line_is_a_fault),
		cmocka_unit_test(an_expected_series_is_told_from_others_that_begin_alike),
		cmocka_unit_test(label_presence_sees_empty_ones),
		cmocka_unit_test(reads_the_collected_texts),
		cmocka_unit_test(damaged_texts_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
