/* Matchers as people write them: both syntaxes, and the choice between them. */
#include "harness.h"

#include "model/matcher_parser.h"

struct row {
	const char *text;
	const char *read; /* as Alertmanager prints it; NULL: refused */
	const char *error;
};

static void check(enum matcher_syntax syntax, const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct matcher_list list = MATCHER_LIST_INIT;
		struct strbuf out = STRBUF_INIT;
		char error[MATCHER_MAX_ERROR] = "";
		int err;

		err = matcher_list_parse(syntax, rows[i].text, &list, error, sizeof(error));
		if (!err)
			matcher_list_print(&list, &out);
		if (err != (rows[i].read ? 0 : -EINVAL))
			fail_msg("%s: %d %s", rows[i].text, err, err ? error : out.s);
		assert_string_equal(
			err ? error : out.s, rows[i].read ? rows[i].read : rows[i].error);
		strbuf_release(&out);
		matcher_list_release(&list);
	}
}

static void the_classic_syntax_forgives_much(void **state)
{
	static const struct row rows[] = {
		{ "", "{}", NULL },
		{ "{}", "{}", NULL },
		{ " ", "{}", NULL },
		{ "{foo=\"bar\"}", "{foo=\"bar\"}", NULL },
		{ "{foo=~\"bar.*\"}", "{foo=~\"bar.*\"}", NULL },
		{ "{foo!=\"bar\"}", "{foo!=\"bar\"}", NULL },
		{ "{foo!~\"bar.*\"}", "{foo!~\"bar.*\"}", NULL },
		{ "{foo=\"bar\", baz!=\"quux\"}", "{foo=\"bar\",baz!=\"quux\"}", NULL },
		{ "{foo=\"bar\",baz!~\".*quux\", derp=\"wat\"}",
			"{foo=\"bar\",baz!~\".*quux\",derp=\"wat\"}", NULL },
		{ "{foo=\"\"}", "{foo=\"\"}", NULL },
		{ "foo=", "{foo=\"\"}", NULL },
		{ "foo=,bar=", "{foo=\"\",bar=\"\"}", NULL },
		{ "{foo=\"bar,quux\", job=\"job1\"}", "{foo=\"bar,quux\",job=\"job1\"}", NULL },
		{ "{foo = \"bar\", dings != \"bums\", }", "{foo=\"bar\",dings!=\"bums\"}", NULL },
		{ "foo=bar,dings!=bums", "{foo=\"bar\",dings!=\"bums\"}", NULL },
		{ "foo=bar", "{foo=\"bar\"}", NULL },
		{ "foo=bar}", "{foo=\"bar\"}", NULL },
		{ "{foo=bar", "{foo=\"bar\"}", NULL },
		{ "{{foo=bar}}", NULL, "bad matcher format: {foo=bar}" },
		{ "{quote=\"She said: \\\"Hi, ladies!\\\"\"}",
			"{quote=\"She said: \\\"Hi, ladies!\\\"\"}", NULL },
		{ "statuscode=~\"5..\"", "{statuscode=~\"5..\"}", NULL },
		{ "tricky=~~~", "{tricky=~\"~~\"}", NULL },
		{ "trickier==\\\\=\\=\\\"", "{trickier=\"=\\\\=\\\\=\\\"\"}", NULL },
		{ "contains_quote != \"\\\"\" , contains_comma !~ \"foo,bar\" , ",
			"{contains_quote!=\"\\\"\",contains_comma!~\"foo,bar\"}", NULL },
		{ "a:b=c", "{a:b=\"c\"}", NULL },
		{ "\t foo\r\n=~\fbar \n", "{foo=~\"bar\"}", NULL },
		{ "foo=two words", "{foo=\"two words\"}", NULL },
		{ "foo=\"a\nb\"", "{foo=\"a\\nb\"}", NULL },
		{ "foo=\"a\\nb\"", "{foo=\"a\\nb\"}", NULL },
		{ "foo=\"a\\tb\"", "{foo=\"a\\\\tb\"}", NULL },
		{ "foo=a\\", "{foo=\"a\\\\\"}", NULL },
		{ "foo=🙂", "{foo=\"🙂\"}", NULL },
		{ "foo==", "{foo=\"=\"}", NULL },
		{ "foo!==", "{foo!=\"=\"}", NULL },
		/* A backslash in quotes, then a comma: the quote after it stays escaped. */
		{ "a=\"\\,\",b=c", NULL,
			"matcher value contains unescaped double quote: \"\\,\",b=c" },
		{ "job=\"value", NULL, "matcher value contains unescaped double quote: \"value" },
		{ "job=value\"", NULL, "matcher value contains unescaped double quote: value\"" },
		{ "job=\"", NULL, "matcher value contains unescaped double quote: \"" },
		{ "job=\"\\\"", NULL, "matcher value contains unescaped double quote: \"\\\"" },
		{ "trickier==\\\\=\\=\\\"\"", NULL,
			"matcher value contains unescaped double quote: =\\\\=\\=\\\"\"" },
		{ "contains_unescaped_quote = foo\"bar", NULL,
			"matcher value contains unescaped double quote: foo\"bar" },
		{ "{invalid-name = \"valid label\"}", NULL,
			"bad matcher format: invalid-name = \"valid label\"" },
		{ "0a=b", NULL, "bad matcher format: 0a=b" },
		{ "foo🙂=bar", NULL, "bad matcher format: foo🙂=bar" },
		{ "\"foo\"=bar", NULL, "bad matcher format: \"foo\"=bar" },
		{ "=b", NULL, "bad matcher format: =b" },
		{ "a", NULL, "bad matcher format: a" },
		{ "a b=c", NULL, "bad matcher format: a b=c" },
		{ "foo!bar", NULL, "bad matcher format: foo!bar" },
		{ ",a=b", NULL, "bad matcher format: " },
		{ "a=b,,", NULL, "bad matcher format: " },
		{ "a=b, ,c=d", NULL, "bad matcher format:  " },
		{ "\"{foo=\\\"bar\"}", NULL, "bad matcher format: \"{foo=\\\"bar\"" },
		{ "\"foo=\\\"bar\\\"\"", NULL, "bad matcher format: \"foo=\\\"bar\\\"\"" },
		{ "{foo=~\"invalid[regexp\"}", NULL,
			"invalid regular expression: missing terminating ] for character class" },
	};

	check(MATCHERS_CLASSIC, rows, ARRAY_SIZE(rows));
}

static void the_utf8_syntax_knows_every_name(void **state)
{
	static const struct row rows[] = {
		{ "", "{}", NULL },
		{ "  ", "{}", NULL },
		{ "{}", "{}", NULL },
		{ "{foo=bar}", "{foo=\"bar\"}", NULL },
		{ "{foo=bar,}", "{foo=\"bar\"}", NULL },
		{ "{foo!=bar}", "{foo!=\"bar\"}", NULL },
		{ "{foo=~[a-z]+}", "{foo=~\"[a-z]+\"}", NULL },
		{ "{foo!~[a-z]+}", "{foo!~\"[a-z]+\"}", NULL },
		{ "{foo=🙂bar}", "{foo=\"🙂bar\"}", NULL },
		{ "foo=bar", "{foo=\"bar\"}", NULL },
		{ "foo=bar,", "{foo=\"bar\"}", NULL },
		{ "foo!=bar", "{foo!=\"bar\"}", NULL },
		{ "{\"foo\"=\"bar\"}", "{foo=\"bar\"}", NULL },
		{ "{\"foo\"=~\"[a-z]+\",}", "{foo=~\"[a-z]+\"}", NULL },
		{ "{\"foo\"=\"\\xf0\\x9f\\x99\\x82\"}", "{foo=\"🙂\"}", NULL },
		{ "{\"foo\"=\"\\U0001f642\"}", "{foo=\"🙂\"}", NULL },
		{ "{\"foo\"=\"\\u00e4\\344\"}", NULL, "7:19: \"\\u00e4\\344\": invalid input" },
		{ "{\"foo\"=\"\\303\\244\"}", "{foo=\"ä\"}", NULL },
		{ "{\"foo\"=\"bar\\n\"}", "{foo=\"bar\\n\"}", NULL },
		{ "{\"foo\"=\"bar\\t\"}", "{foo=\"bar\t\"}", NULL },
		{ "{\"foo\"=\"\\\"bar\\\"\"}", "{foo=\"\\\"bar\\\"\"}", NULL },
		{ "{\"foo\"=\"bar\\\\\"}", "{foo=\"bar\\\\\"}", NULL },
		{ "foo=\"\"", "{foo=\"\"}", NULL },
		{ "\"foo bar\"=\"baz\\n\"", "{\"foo bar\"=\"baz\\n\"}", NULL },
		{ "\"foo\\nbar\"=\"a\tb\"", "{\"foo\\nbar\"=\"a\\tb\"}", NULL },
		{ "foo🙂=bar", "{foo🙂=\"bar\"}", NULL },
		{ "0foo-bar.baz=$x", "{0foo-bar.baz=\"$x\"}", NULL },
		{ "{foo=bar,bar!=baz}", "{foo=\"bar\",bar!=\"baz\"}", NULL },
		{ "foo=\"bar\",bar!=\"baz\"", "{foo=\"bar\",bar!=\"baz\"}", NULL },
		{ " { foo = bar , bar != baz , } ", "{foo=\"bar\",bar!=\"baz\"}", NULL },
		{ "foo\xc2\xa0=\xe3\x80\x80"
		  "bar",
			"{foo=\"bar\"}", NULL },
		{ ",", NULL, "0:1: unexpected ,: expected label name" },
		{ "{,}", NULL, "1:2: unexpected ,: expected label name" },
		{ "{", NULL, "0:1: end of input: expected close brace" },
		{ "}", NULL, "0:1: }: expected opening brace" },
		{ "foo=bar}", NULL, "0:8: }: expected opening brace" },
		{ "{foo=bar", NULL, "0:8: end of input: expected close brace" },
		{ "{foo=bar}}", NULL, "9:10: }: expected end of input" },
		{ "{foo=bar},", NULL, "9:10: ,: expected end of input" },
		{ "foo", NULL,
			"end of input: expected an operator such as '=', '!=', '=~' or '!~'" },
		{ "foo bar", NULL,
			"4:7: unexpected bar: expected an operator such as '=', '!=', '=~' or '!~'" },
		{ "foo=", NULL, "end of input: expected label value" },
		{ "foo=,", NULL, "4:5: unexpected ,: expected label value" },
		{ "foo==bar", NULL, "4:5: unexpected =: expected label value" },
		{ "=bar", NULL, "0:1: unexpected =: expected label name" },
		{ "foo!bar", NULL,
			"3:4: !: expected one of '=~': expected an operator such as '=', '!=', '=~' or '!~'" },
		{ "foo!", NULL,
			"3:4: unexpected end of input, expected one of '=~': expected an operator such as "
			"'=', '!=', '=~' or '!~'" },
		{ "foo=\"bar", NULL, "4:8: \"bar: missing end \": expected label value" },
		{ "foo=bar,,", NULL,
			"8:9: unexpected ,: expected a matcher or close brace after comma" },
		{ "{foo=:\"bar\"}", NULL,
			"6:11: unexpected \"bar\": expected a comma or close brace" },
		{ "foo=bar baz", NULL, "8:11: unexpected baz: expected a comma or close brace" },
		{ "{foo=\"bar\\w\"}", NULL, "5:12: \"bar\\w\": invalid input" },
		{ "{foo=\"bar\\'\"}", NULL, "5:12: \"bar\\'\": invalid input" },
		{ "{foo=\"a\nb\"}", NULL, "5:10: \"a\nb\": invalid input" },
		{ "{foo=\"\\ud800\"}", NULL, "5:13: \"\\ud800\": invalid input" },
		{ "{foo=\"\\400\"}", NULL, "5:11: \"\\400\": invalid input" },
		{ "{foo=\"\\x00\"}", NULL, "5:11: \"\\x00\": invalid input" },
		{ "{foo=bar\\n}", NULL, "8:9: \\: invalid input: expected a comma or close brace" },
		{ "foo='bar'", NULL, "4:5: ': invalid input: expected label value" },
		{ "🙂🙂=~~", NULL, "4:5: ~: invalid input: expected label value" },
		{ "{\"foo\"=\"\\xf0\\x9f\"}", NULL, "7:17: \"\\xf0\\x9f\": invalid input" },
	};

	check(MATCHERS_UTF8, rows, ARRAY_SIZE(rows));
}

static void by_default_both_are_asked(void **state)
{
	static const struct row rows[] = {
		{ "{foo=bar,bar=baz}", "{foo=\"bar\",bar=\"baz\"}", NULL },
		{ "{foo!bar}", NULL, "bad matcher format: foo!bar" },
		/* Only one of them takes it. */
		{ "{foo🙂=bar,bar=baz🙂}", "{foo🙂=\"bar\",bar=\"baz🙂\"}", NULL },
		{ "{foo=!bar,bar=$baz\\n}", "{foo=\"!bar\",bar=\"$baz\\n\"}", NULL },
		{ "foo=", "{foo=\"\"}", NULL },
		{ "foo=two words", "{foo=\"two words\"}", NULL },
		{ "{foo=bar", "{foo=\"bar\"}", NULL },
		{ "\"foo\"=bar", "{foo=\"bar\"}", NULL },
		/* They differ: the classic one counts. */
		{ "{foo=\"\\xf0\\x9f\\x99\\x82\"}", "{foo=\"\\\\xf0\\\\x9f\\\\x99\\\\x82\"}",
			NULL },
		{ "foo=\"a\\tb\"", "{foo=\"a\\\\tb\"}", NULL },
		{ "foo\xc2\xa0=bar", "{foo=\"bar\"}", NULL },
	};

	check(MATCHERS_FALLBACK, rows, ARRAY_SIZE(rows));
}

static void one_matcher_is_one(void **state)
{
	static const struct {
		enum matcher_syntax syntax;
		const char *text, *read, *error;
	} rows[] = {
		{ MATCHERS_FALLBACK, "foo=bar", "foo=\"bar\"", NULL },
		{ MATCHERS_FALLBACK, "foo=!bar\\n", "foo=\"!bar\\n\"", NULL },
		{ MATCHERS_FALLBACK, "foo🙂=bar", "foo🙂=\"bar\"", NULL },
		{ MATCHERS_FALLBACK, "foo=\"\\xf0\"", "foo=\"\\\\xf0\"", NULL },
		/* The classic one takes the rest of the text as the value. */
		{ MATCHERS_FALLBACK, "foo=bar,bar=baz", "foo=\"bar,bar=baz\"", NULL },
		{ MATCHERS_FALLBACK, "foo!bar", NULL, "bad matcher format: foo!bar" },
		{ MATCHERS_FALLBACK, "{foo=bar}", NULL,
			"unexpected open or close brace: {foo=bar}" },
		{ MATCHERS_FALLBACK, "foo=bar}", NULL, "unexpected open or close brace: foo=bar}" },
		{ MATCHERS_FALLBACK, "", NULL, "bad matcher format: " },
		{ MATCHERS_UTF8, "", NULL, "no matchers" },
		{ MATCHERS_UTF8, "foo=bar,bar=baz", NULL, "expected 1 matcher, found 2" },
		{ MATCHERS_UTF8, "foo=\"\\xf0\\x9f\"", NULL,
			"4:14: \"\\xf0\\x9f\": invalid input" },
		{ MATCHERS_CLASSIC, "foo=bar}", "foo=\"bar}\"", NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct strbuf out = STRBUF_INIT;
		struct matcher *m = NULL;
		char error[MATCHER_MAX_ERROR] = "";
		int err;

		err = matcher_parse(rows[i].syntax, rows[i].text, &m, error, sizeof(error));
		if (!err)
			matcher_print(m, &out);
		assert_string_equal(
			err ? error : out.s, rows[i].read ? rows[i].read : rows[i].error);
		assert_int_equal(err, rows[i].read ? 0 : -EINVAL);
		strbuf_release(&out);
		matcher_free(m);
	}
}

static void what_was_there_stays_after_a_fault(void **state)
{
	struct matcher_list list = MATCHER_LIST_INIT;
	struct strbuf out = STRBUF_INIT;
	char error[MATCHER_MAX_ERROR];

	assert_int_equal(
		matcher_list_parse(MATCHERS_FALLBACK, "b=2,a=1", &list, error, sizeof(error)), 0);
	assert_int_equal(
		matcher_list_parse(MATCHERS_FALLBACK, "c=3,d!4", &list, error, sizeof(error)),
		-EINVAL);
	assert_int_equal(
		matcher_list_parse(MATCHERS_FALLBACK, "a!=1,a=0", &list, error, sizeof(error)), 0);
	matcher_list_sort(&list);
	matcher_list_print(&list, &out);
	assert_string_equal(out.s, "{a=\"0\",a=\"1\",a!=\"1\",b=\"2\"}");
	strbuf_release(&out);
	matcher_list_release(&list);
}

static void what_is_printed_reads_back(void **state)
{
	static const char *const names[] = { "a", "a b", "ä", "a\\", "a\"b", "x{y}", "a,b" };
	static const char *const values[] = { "", "v", "\"", "\\n", "\n", "a,b", "}", "\t",
		"🙂" };
	char error[MATCHER_MAX_ERROR];

	for (size_t i = 0; i < ARRAY_SIZE(names) * ARRAY_SIZE(values); i++) {
		struct matcher_list list = MATCHER_LIST_INIT, back = MATCHER_LIST_INIT;
		struct strbuf out = STRBUF_INIT;
		struct matcher *m;

		assert_int_equal(matcher_new(i % 2 ? MATCH_NOT_EQUAL : MATCH_EQUAL,
					 names[i / ARRAY_SIZE(values)],
					 values[i % ARRAY_SIZE(values)], &m, error, sizeof(error)),
			0);
		assert_int_equal(matcher_list_add(&list, m), 0);
		matcher_list_print(&list, &out);
		assert_int_equal(
			matcher_list_parse(MATCHERS_FALLBACK, out.s, &back, error, sizeof(error)),
			0);
		assert_true(matcher_list_equal(&list, &back));
		strbuf_release(&out);
		matcher_list_release(&list);
		matcher_list_release(&back);
	}
}

static int parse_some(void *userdata)
{
	struct matcher_list list = MATCHER_LIST_INIT;
	struct matcher *m = NULL;
	char error[MATCHER_MAX_ERROR];
	int err;

	err = matcher_list_parse(
		MATCHERS_FALLBACK, "{a=b,\"c d\"=~\"x\\u00e4\",e!~f}", &list, error, sizeof(error));
	if (!err)
		err = matcher_list_parse(
			MATCHERS_FALLBACK, "a=b,c=\"\\t\"", &list, error, sizeof(error));
	if (!err)
		err = matcher_parse(MATCHERS_FALLBACK, "a=b", &m, error, sizeof(error));
	if (!err)
		assert_int_equal(list.n, 5);
	matcher_free(m);
	matcher_list_release(&list);
	return err;
}

static void what_a_label_may_be_called_hangs_on_the_syntax_in_use(void **state)
{
	static const struct {
		const char *name;
		bool classic;
	} rows[] = { { "a", true }, { "_a1", true }, { "1a", false }, { "a:b", false },
		{ "a b", false }, { "\xe2\x99\xa5", false } };

	assert_int_equal(matcher_syntax_in_use(), MATCHERS_FALLBACK);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		matcher_syntax_use(MATCHERS_CLASSIC);
		assert_int_equal(matcher_syntax_takes_name(rows[i].name), rows[i].classic);
		matcher_syntax_use(MATCHERS_UTF8);
		assert_true(matcher_syntax_takes_name(rows[i].name));
		matcher_syntax_use(MATCHERS_FALLBACK);
		assert_true(matcher_syntax_takes_name(rows[i].name));
	}
	assert_false(matcher_syntax_takes_name(""));
}

static void survives_without_memory(void **state)
{
	with_failing_allocations(parse_some, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_classic_syntax_forgives_much),
		cmocka_unit_test(the_utf8_syntax_knows_every_name),
		cmocka_unit_test(by_default_both_are_asked),
		cmocka_unit_test(one_matcher_is_one),
		cmocka_unit_test(what_was_there_stays_after_a_fault),
		cmocka_unit_test(what_is_printed_reads_back),
		cmocka_unit_test(what_a_label_may_be_called_hangs_on_the_syntax_in_use),
		cmocka_unit_test(survives_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
