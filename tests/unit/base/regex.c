/* Expressions mean what they mean in RE2, or are refused. */
#include "harness.h"

#include "base/regex.h"

static void it_is_anchored_and_the_dot_matches_all(void **state)
{
	static const struct {
		const char *pattern, *text;
		bool matches;
	} rows[] = {
		{ "node", "node", true },
		{ "node", "nodes", false },
		{ "node.*", "node_exporter", true },
		{ "a|b", "b", true },
		{ "a|b", "ab", false },
		{ ".*", "two\nlines", true },
		{ "", "", true },
		{ "", "x", false },
		{ "a$", "a\n", false },
		{ "(?i)UP", "up", true },
		{ "[[:alpha:]]+", "abc", true },
		{ "[^]]+", "abc", true },
		{ "\\d{2}", "42", true },
		{ "\\Qa.b\\E", "a.b", true },
		{ "\\Qa.b|(", "a.b|(", true },
		{ "x|\\Qa.b", "axb", false },
		{ ".", "\xc3\xa4", true },
		{ "(?P<n>x)y", "xy", true },
		{ ".}+", "x}}", true },
		{ "a{,}+?", "a{,}}", true },
		{ "(?i)(?:a{1,2}?|[)(]){2}", "A)", true },
	};
	char error[200];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct regex *regex;

		assert_int_equal(regex_new(rows[i].pattern, &regex, error, sizeof(error)), 0);
		if (regex_matches(regex, rows[i].text, strlen(rows[i].text)) != rows[i].matches)
			fail_msg("%s on %s", rows[i].pattern, rows[i].text);
		regex_free(regex);
	}
}

static void what_re2_does_not_know_is_refused_with_a_reason(void **state)
{
	static const char *const bad[] = { "(a)\\1", "(?=x)", "(?!x)", "(?<=x)y", "(?>x)", "a++",
		"(", "a)", "[", "*", "x{2,1}", "\\", "(*UTF)x", "(?R)", "a)|(b", "}?i)x(y", "a{2}+",
		"a{2,}{3}", "a**", "a*?*", "\\e", "[\\cA]", "\\o{12}", "\\\xc3\xa9", "a\\E" };
	struct regex *regex;
	char error[200];

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		error[0] = '\0';
		if (regex_new(bad[i], &regex, error, sizeof(error)) != -EINVAL)
			fail_msg("'%s' was taken", bad[i]);
		assert_true(error[0]);
	}
}

static void an_expression_that_explodes_is_no_match_and_is_counted(void **state)
{
	struct strbuf out = STRBUF_INIT;
	struct regex *regex;
	char error[200], text[64];
	uint64_t before = regex_limit_hits();

	memset(text, 'a', sizeof(text));
	assert_int_equal(regex_new("(a|aa|aaa)+[bc]", &regex, error, sizeof(error)), 0);
	assert_false(regex_matches(regex, text, sizeof(text)));
	assert_int_equal(regex_limit_hits(), before + 1);
	assert_false(regex_expand(regex, text, sizeof(text), "$1", &out));
	assert_int_equal(regex_limit_hits(), before + 2);
	/* As a function of templates: what was not looked at stays as it is. */
	regex_replace_all(regex, text, sizeof(text), "x", &out);
	assert_int_equal(regex_limit_hits(), before + 3);
	assert_int_equal(out.len, sizeof(text));
	assert_memory_equal(out.s, text, sizeof(text));
	strbuf_release(&out);
	regex_free(regex);
}

static void groups_are_expanded_as_go_does(void **state)
{
	struct strbuf out = STRBUF_INIT;
	struct regex *regex;
	char error[200];

	assert_int_equal(regex_new("(.+):(?P<port>\\d+)", &regex, error, sizeof(error)), 0);
	assert_true(regex_expand(regex, "host:9100", 9, "$1 ${port} $$ $9 ${1}x $1x", &out));
	assert_string_equal(out.s, "host 9100 $  hostx ");
	assert_false(regex_expand(regex, "host", 4, "$1", &out));
	strbuf_release(&out);
	regex_free(regex);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_anchored_and_the_dot_matches_all),
		cmocka_unit_test(what_re2_does_not_know_is_refused_with_a_reason),
		cmocka_unit_test(an_expression_that_explodes_is_no_match_and_is_counted),
		cmocka_unit_test(groups_are_expanded_as_go_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
