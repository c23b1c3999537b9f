/* Faults: with place, line and marks, sorted, the nearest word for a misspelled one. */
#include "harness.h"

#include "base/diag.h"

static void a_fault_shows_its_place_the_line_and_the_marks(void **state)
{
	const char *text = "groups:\n- rules:\n  - expr: rats(x[5m]) > 0\n";
	struct source *source = source_new("rules.yml", text, strlen(text));
	struct diag diag = DIAG_INIT;
	struct strbuf out = STRBUF_INIT;

	diag_warning(&diag, (struct pos){ .source = source, .line = 3, .column = 11, .length = 4 },
		"second");
	assert_int_equal(
		diag_error(&diag,
			(struct pos){ .source = source, .line = 1, .column = 1, .length = 6 },
			"first of %d", 2),
		-EINVAL);
	diag_error(&diag, (struct pos){ 0 }, "no place\nat all");
	source_unref(source); /* the entries hold their own */
	diag_print(&diag, &out);
	assert_string_equal(out.s, "rules.yml:1:1: error: first of 2\n"
				   "    groups:\n"
				   "    ^~~~~~\n"
				   "rules.yml:3:11: warning: second\n"
				   "      - expr: rats(x[5m]) > 0\n"
				   "              ^~~~\n"
				   "error: no place\\nat all\n");
	assert_int_equal(diag.errors, 2);
	assert_int_equal(diag.warnings, 1);
	strbuf_release(&out);
	diag_release(&diag);
}

static void a_place_outside_the_text_shows_no_line(void **state)
{
	struct source *source = source_new("x", "one\n", 4);
	struct diag diag = DIAG_INIT;
	struct strbuf out = STRBUF_INIT;

	diag_error(&diag, (struct pos){ .source = source, .line = 9, .column = 3 }, "lost");
	diag_error(&diag, (struct pos){ .source = source, .line = 1, .column = 99 }, "wide");
	diag_print(&diag, &out);
	assert_string_equal(out.s, "x:1:99: error: wide\n    one\n       ^\nx:9:3: error: lost\n");
	strbuf_release(&out);
	diag_release(&diag);
	source_unref(source);
}

static void a_secret_is_never_shown_and_the_marks_follow(void **state)
{
	const char *text = "pass: hunter2 # x\nkey: |\n  hunter2\n  end\n";
	struct source *source = source_new("x", text, strlen(text));
	struct diag diag = DIAG_INIT;
	struct strbuf out = STRBUF_INIT;

	source_hide(source, 6, 10);
	source_hide(source, 8, 13); /* overlapping is one */
	source_hide(source, 23, 36);
	for (unsigned column = 1; column <= 15; column += 7)
		diag_error(&diag,
			(struct pos){ .source = source, .line = 1, .column = column, .length = 3 },
			"at %u", column);
	diag_error(&diag, (struct pos){ .source = source, .line = 3, .column = 5 }, "inside");
	diag_print(&diag, &out);
	assert_string_equal(out.s, "x:1:1: error: at 1\n"
				   "    pass: <secret> # x\n"
				   "    ^~~\n"
				   "x:1:8: error: at 8\n"
				   "    pass: <secret> # x\n"
				   "          ^~~~~~~~\n"
				   "x:1:15: error: at 15\n"
				   "    pass: <secret> # x\n"
				   "                   ^~~\n"
				   "x:3:5: error: inside\n"
				   "    <secret>\n"
				   "    ^~~~~~~~\n");
	strbuf_release(&out);
	diag_release(&diag);
	source_unref(source);
}

static void what_a_terminal_obeys_is_not_in_the_line_and_the_marks_fit(void **state)
{
	static const struct {
		const char *line, *shown;
	} rows[] = {
		{ "\xc2\x9b"
		  "31mX",
			"?31mX" },
		{ "a\xe2\x80\xae"
		  "bX",
			"a?bX" },
		{ "\x1b[2J\xff\x80X", "?[2J??X" },
		{ "\xc3\xa4\xe2\x82\xacX", "\xc3\xa4\xe2\x82\xacX" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		size_t len = strlen(rows[i].line), columns = 0;
		struct source *source = source_new("x", rows[i].line, len);
		struct diag diag = DIAG_INIT;
		struct strbuf out = STRBUF_INIT, expected = STRBUF_INIT;

		for (const char *s = rows[i].shown; s[1]; s++)
			columns += ((unsigned char)*s & 0xc0) != 0x80;
		diag_error(&diag,
			(struct pos){ .source = source, .line = 1, .column = (unsigned)len }, "x");
		diag_print(&diag, &out);
		strbuf_addf(&expected, "x:1:%zu: error: x\n    %s\n    %*s^\n", len, rows[i].shown,
			(int)columns, "");
		assert_string_equal(out.s, expected.s);
		strbuf_release(&expected);
		strbuf_release(&out);
		diag_release(&diag);
		source_unref(source);
	}
}

static void a_login_in_a_url_is_not_quoted(void **state)
{
	struct diag diag = DIAG_INIT;

	diag_error(&diag, (struct pos){ 0 },
		"'%s' is none, 'https://t@x', 'http://x/a@b' and 'a://u:p'", "http://u:pw@h:1/");
	assert_string_equal(diag.entries[0].text,
		"'http://*@h:1/' is none, 'https://*@x', 'http://x/a@b' and 'a://u:p'");
	diag_release(&diag);
}

static void many_faults_are_counted_and_not_kept(void **state)
{
	struct diag diag = DIAG_INIT;
	struct strbuf out = STRBUF_INIT;

	for (int i = 0; i < DIAG_MAX_ENTRIES + 5; i++)
		diag_error(&diag, (struct pos){ 0 }, "fault");
	assert_int_equal(diag.n, DIAG_MAX_ENTRIES);
	assert_int_equal(diag.errors, DIAG_MAX_ENTRIES + 5);
	diag_print(&diag, &out);
	assert_non_null(strstr(out.s, "... and 5 more\n"));
	strbuf_release(&out);
	diag_release(&diag);
}

static void the_same_fault_at_the_same_place_is_told_once(void **state)
{
	struct source *source = source_new("a.yml", "x: y\nz: y\n", 10);
	const struct pos here = { .source = source, .line = 1, .column = 1, .length = 1 };
	const struct pos there = { .source = source, .line = 2, .column = 1, .length = 1 };
	struct diag diag = DIAG_INIT;

	for (int i = 0; i < 2; i++) {
		diag_warning(&diag, here, "fault %d", 1);
		diag_warning(&diag, here, "fault %d", 2);
		diag_warning(&diag, there, "fault %d", 1);
		diag_error(&diag, here, "fault %d", 1);
	}
	assert_int_equal(diag.n, 4);
	assert_int_equal(diag.warnings, 3);
	assert_int_equal(diag.errors, 1);
	diag_release(&diag);
	source_unref(source);
}

static void the_likely_meant_word_is_found_and_a_far_one_is_not(void **state)
{
	static const char *const words[] = { "rate", "irate", "increase", "group_wait",
		"group_by" };

	assert_string_equal(diag_nearest("rats", words, ARRAY_SIZE(words)), "rate");
	assert_string_equal(diag_nearest("goup_wait", words, ARRAY_SIZE(words)), "group_wait");
	assert_string_equal(diag_nearest("GROUP_BY", words, ARRAY_SIZE(words)), "group_by");
	assert_string_equal(diag_nearest("raet", words, ARRAY_SIZE(words)), "rate");
	assert_null(diag_nearest("histogram", words, ARRAY_SIZE(words)));
	assert_null(diag_nearest("", words, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_fault_shows_its_place_the_line_and_the_marks),
		cmocka_unit_test(a_place_outside_the_text_shows_no_line),
		cmocka_unit_test(a_secret_is_never_shown_and_the_marks_follow),
		cmocka_unit_test(what_a_terminal_obeys_is_not_in_the_line_and_the_marks_fit),
		cmocka_unit_test(a_login_in_a_url_is_not_quoted),
		cmocka_unit_test(many_faults_are_counted_and_not_kept),
		cmocka_unit_test(the_same_fault_at_the_same_place_is_told_once),
		cmocka_unit_test(the_likely_meant_word_is_found_and_a_far_one_is_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
