/* The parser: what Prometheus's own cases say, what it prints, and what it survives. */
#include "harness.h"

#include <jansson.h>
#include "promql/promql.h"

static int parse(const char *text, struct strbuf *printed, struct promql_error *err)
{
	scoped(promql_freep) struct promql_expr *expr = NULL;
	int status;

	*err = (struct promql_error){ 0 };
	status = promql_parse(text, &expr, err);
	if (!status && printed)
		promql_print(expr, printed);
	return status;
}

static void check_prints(const char *text, const char *expected)
{
	struct strbuf printed = STRBUF_INIT;
	struct promql_error err;
	int status = parse(text, &printed, &err);

	if (status)
		fail_msg("%s: %s", text, err.text);
	assert_string_equal(printed.s, expected);
	strbuf_release(&printed);
}

struct printed {
	const char *text, *printed;
};

/* What is printed prints as itself, too. */
static void check_all_print(const struct printed *cases, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		check_prints(cases[i].text, cases[i].printed);
		check_prints(cases[i].printed, cases[i].printed);
	}
}

static void prints_as_prometheus_prints(void **state)
{
	static const struct printed cases[] = {
		{ "up == 0", "up == 0" },
		{ "sum(up)by(job)", "sum by (job) (up)" },
		{ "SUM BY () (up)", "sum(up)" },
		{ "sum without(a,b)(up)", "sum without (a, b) (up)" },
		{ "topk(5,up)", "topk(5, up)" },
		{ "count_values(\"v\", up)", "count_values(\"v\", up)" },
		{ "up{job=\"a\",instance!~'b.*'}", "up{instance!~\"b.*\",job=\"a\"}" },
		{ "{__name__=\"up\"}", "{__name__=\"up\"}" },
		{ "{\"my.metric\", \"a.b\"='x'}", "{\"a.b\"=\"x\",__name__=\"my.metric\"}" },
		{ "foo[5m] offset 1w", "foo[5m] offset 1w" },
		{ "foo[300]", "foo[5m]" },
		{ "foo @ 10 offset -5m", "foo @ 10.000 offset -5m" },
		{ "foo[5m] @ start()", "foo[5m] @ start()" },
		{ "foo offset 5m @ -0.5", "foo @ -0.500 offset 5m" },
		{ "rate(foo[5m])[1h:]", "rate(foo[5m])[1h:]" },
		{ "(a+b)[1h:90s] offset 1h30m", "(a + b)[1h:1m30s] offset 1h30m" },
		{ "a + on() b", "a + on () b" },
		{ "a/ignoring(x)group_left b", "a / ignoring (x) group_left () b" },
		{ "a == bool on(x) group_right(y) b", "a == bool on (x) group_right (y) b" },
		{ "a and b or c unless d", "a and b or c unless d" },
		{ "foo + on() 1", "foo + 1" },
		{ "-1^2", "-1 ^ 2" },
		{ "-a", "-a" },
		{ "- -1", "1" },
		{ "1e3", "1000" },
		{ "0x1F", "31" },
		{ "1_000.5", "1000.5" },
		{ "1h30m", "1h30m" },
		{ "-5m", "-5m" },
		{ "+Inf", "+Inf" },
		{ "nan", "NaN" },
		{ "1e21", "1000000000000000000000" },
		{ "'it\\'s'", "\"it's\"" },
		{ "\"\\xff\\u00e9\"", "\"\\xffé\"" },
		{ "`a\\b`", "\"a\\\\b\"" },
		{ "# only\nup # what is up\n", "up" },
		{ "sum + by + offset + group + start", "sum + by + offset + group + start" },
		{ "quantile_over_time(0.5, a[1m])", "quantile_over_time(0.5, a[1m])" },
		{ "time()", "time()" },
		{ "2 ^ 3 ^ 2", "2 ^ 3 ^ 2" },
		{ "a atan2 b % c", "a atan2 b % c" },
		{ "fill + fill_left", "fill + fill_left" },
	};

	check_all_print(cases, ARRAY_SIZE(cases));
}

static void prints_what_is_experimental(void **state)
{
	static const struct printed cases[] = {
		{ "foo[5m+1m]", "foo[5m + 1m]" },
		{ "foo offset (5)", "foo offset (5)" },
		{ "foo[step()*2:max_of(1s,5)] offset -range()",
			"foo[step() * 2:max_of(1s, 5)] offset -range()" },
		{ "foo anchored", "foo anchored" },
		{ "rate(foo[5m] smoothed)", "rate(foo[5m] smoothed)" },
		{ "a + fill(0) b", "a + fill (0) b" },
		{ "a + on(x) fill_left(-1) b", "a + on (x) fill_left (-1) b" },
	};

	check_all_print(cases, ARRAY_SIZE(cases));
}

static void says_what_is_wrong_and_where(void **state)
{
	static const struct {
		const char *text, *error;
		size_t offset, length;
	} cases[] = {
		{ "rats(up[5m])", "unknown function with name \"rats\" (did you mean \"rate\"?)", 0,
			4 },
		{ "increse(up[5m])",
			"unknown function with name \"increse\" (did you mean \"increase\"?)", 0,
			7 },
		{ "sun(up)", "unknown function with name \"sun\" (did you mean \"sum\"?)", 0, 3 },
		{ "1 == 2", "comparisons between scalars must use BOOL modifier", 2, 2 },
		{ "up and 1", "set operator \"and\" not allowed in binary scalar expression", 0,
			8 },
		{ "rate(up)",
			"expected type range vector in call to function \"rate\", got instant vector",
			5, 2 },
		{ "sum(1)", "expected type instant vector in aggregation expression, got scalar", 4,
			1 },
		{ "up{a=~\"(\"}", "error parsing regexp: missing closing parenthesis: `(`", 3, 6 },
		{ "up +\n\n", "unexpected end of input", 6, 0 },
		{ "up[5m:0]", "duration must be greater than 0", 6, 1 },
		{ "up[0.0001]", "duration must be greater than 0", 3, 6 },
		{ "up{a=\"\\x00\"}", "a string must not contain a NUL byte", 5, 6 },
		{ "foo bar", "unexpected identifier \"bar\"", 4, 3 },
		{ "foo offset 1s offset 1m", "offset may not be set multiple times", 0, 13 },
		{ "foo @ 1 @ 2", "@ <timestamp> may not be set multiple times", 0, 7 },
		{ "on{offset=\"x\"}", "unexpected <on>", 0, 2 },
		{ "1)", "unexpected right parenthesis ')'", 1, 1 },
		{ "up{a='b'", "unexpected end of input inside braces", 8, 0 },
		{ "clamp(up, 1)", "expected 3 argument(s) in call to \"clamp\", got 2", 0, 12 },
		{ "label_join(up, \"a\")",
			"expected at least 3 argument(s) in call to \"label_join\", got 2", 0, 19 },
	};
	struct promql_error err;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(parse(cases[i].text, NULL, &err), -EINVAL);
		assert_string_equal(err.text, cases[i].error);
		assert_int_equal(err.offset, cases[i].offset);
		assert_int_equal(err.length, cases[i].length);
	}
}

static void knows_every_expressions_type(void **state)
{
	static const struct {
		const char *text;
		enum promql_type type;
	} cases[] = {
		{ "1", PROMQL_SCALAR },
		{ "1 + time()", PROMQL_SCALAR },
		{ "1 + up", PROMQL_VECTOR },
		{ "up[5m]", PROMQL_MATRIX },
		{ "up[5m:]", PROMQL_MATRIX },
		{ "(\"a\")", PROMQL_STRING },
		{ "-(up)", PROMQL_VECTOR },
		{ "scalar(up)", PROMQL_SCALAR },
	};
	struct promql_error err;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		scoped(promql_freep) struct promql_expr *expr = NULL;

		assert_int_equal(promql_parse(cases[i].text, &expr, &err), 0);
		assert_int_equal(promql_type(expr), cases[i].type);
	}
}

static void names_what_it_does_not_evaluate(void **state)
{
	static const struct {
		const char *text, *error;
	} cases[] = {
		{ "up == 0", NULL },
		{ "rate(up[5m])", NULL },
		{ "1 + mad_over_time(up[5m])",
			"function \"mad_over_time\" is experimental in Prometheus and not evaluated here" },
		{ "histogram_sum(up)",
			"function \"histogram_sum\" reads native histograms, which are not stored here" },
		{ "sum(limitk(1, up))",
			"aggregation \"limitk\" is experimental in Prometheus and not evaluated here" },
		{ "rate(up[5m+1m])",
			"duration expressions are experimental in Prometheus and not evaluated here; write "
			"one duration" },
		{ "up + fill(1) up",
			"the fill modifiers are experimental in Prometheus and not evaluated here" },
		{ "up </ 3", "operator </ works on native histograms, which are not stored here" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		scoped(promql_freep) struct promql_expr *expr = NULL;
		struct promql_error err = { 0 };

		assert_int_equal(promql_parse(cases[i].text, &expr, &err), 0);
		assert_int_equal(promql_check_evaluable(expr, &err), cases[i].error ? -ENOSYS : 0);
		assert_string_equal(err.text, cases[i].error ? cases[i].error : "");
	}
}

static void count_selector(const struct matcher *const *matchers, size_t n, void *userdata)
{
	struct strbuf *names = userdata;

	for (size_t i = 0; i < n; i++)
		strbuf_addf(names, "%s%s;", matchers[i]->name, matchers[i]->value);
}

static void shows_every_selector(void **state)
{
	scoped(promql_freep) struct promql_expr *expr = NULL;
	struct strbuf names = STRBUF_INIT;
	struct promql_error err;

	assert_int_equal(
		promql_parse("sum(rate(a{x=\"1\"}[5m])) / (b or topk(scalar(c), d))", &expr, &err),
		0);
	promql_selectors(expr, count_selector, &names);
	assert_string_equal(names.s, "x1;__name__a;__name__b;__name__c;__name__d;");
	strbuf_release(&names);
}

static void note_reach(
	const struct matcher *const *matchers, size_t n, int64_t back_ms, void *userdata)
{
	strbuf_addf(userdata, "%s %lld;", matchers[n - 1]->value, (long long)back_ms / 1000);
}

static void tells_how_far_back_selectors_read(void **state)
{
	static const struct {
		const char *expr, *reaches;
	} rows[] = {
		{ "a", "a 0;" },
		{ "rate(a[5m]) / b offset 1m", "a 300;b 60;" },
		{ "a offset -1h", "a 0;" },
		{ "predict_linear(a[6h] offset 1h, 3600)", "a 25200;" },
		{ "max_over_time(rate(a[5m])[1h:1m])", "a 3900;" },
		{ "sum_over_time(avg_over_time(a[1h] offset 1h)[1d:1h] offset 1d)", "a 180000;" },
		{ "a @ 5 + rate(b[5m] @ end()) + max_over_time(c[1h:] @ 7) + d", "d 0;" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		scoped(promql_freep) struct promql_expr *expr = NULL;
		struct strbuf reaches = STRBUF_INIT;
		struct promql_error err;

		assert_int_equal(promql_parse(rows[i].expr, &expr, &err), 0);
		promql_reaches(expr, note_reach, &reaches);
		assert_string_equal(reaches.s, rows[i].reaches);
		strbuf_release(&reaches);
	}
}

/* -- Prometheus's own cases ------------------------------------------------------------------ */

/* An expected text stands there as a Go literal. */
static char *go_literal(const char *s)
{
	size_t len = strlen(s), n = 0;
	char *out = calloc(len + 1, 1);

	assert_non_null(out);
	for (size_t i = 1; i + 1 < len; i++) {
		if (s[0] == '"' && s[i] == '\\')
			i++;
		out[n++] = s[i];
	}
	return out;
}

static bool holds_any(const char *text, const json_t *errors)
{
	bool found = json_array_size(errors) == 0;
	json_t *error;
	size_t i;

	json_array_foreach(errors, i, error)
	{
		char *wanted = go_literal(json_string_value(error));

		found |= strstr(text, wanted) != NULL;
		free(wanted);
	}
	return found;
}

/* Bytes that are no UTF-8 came into the file as the characters of the same number. */
static void restore_bytes(char *s)
{
	char *out = s;

	for (; *s; s++) {
		if ((unsigned char)s[0] == 0xc3 && (unsigned char)s[1] >= 0x80) {
			*out++ = (char)((unsigned char)s[1] + 0x40);
			s++;
		} else {
			*out++ = *s;
		}
	}
	*out = '\0';
}

static void agrees_with_prometheus_on_its_own_cases(void **state)
{
	const char *dir = conformance_dir();
	size_t i, wrong = 0, errors = 0, wordings = 0, skipped = 0;
	char path[512], *text;
	json_t *cases, *c;

	if (!dir)
		skip();
	snprintf(path, sizeof(path), "%s/promql-parser/cases.json", dir);
	text = read_file(path, NULL);
	cases = json_loads(text, 0, NULL);
	assert_non_null(cases);
	json_array_foreach(cases, i, c)
	{
		const json_t *expected = json_object_get(c, "errors");
		bool fails = json_is_true(json_object_get(c, "fail"));
		char *input = strdup(json_string_value(json_object_get(c, "input")));
		struct promql_error err;
		int status;

		assert_non_null(input);
		/* Cut off in the file: the case itself goes on and closes its brace. */
		if (streq(input, "{'foo\\'bar', ")) {
			skipped++;
			free(input);
			continue;
		}
		if (json_array_size(expected) &&
			strstr(json_string_value(json_array_get(expected, 0)), "invalid UTF-8"))
			restore_bytes(input);
		status = parse(input, NULL, &err);
		if ((status != 0) != fails) {
			printf("WRONG: %s: %s\n", input, status ? err.text : "is taken");
			wrong++;
		} else if (fails) {
			errors++;
			if (holds_any(err.text, expected))
				wordings++;
			else
				printf("worded otherwise: %s: %s\n", input, err.text);
		}
		free(input);
	}
	printf("%zu cases, %zu wrong, %zu skipped; %zu of %zu errors in Prometheus's words\n",
		json_array_size(cases), wrong, skipped, wordings, errors);
	json_decref(cases);
	free(text);
	assert_int_equal(wrong, 0);
	assert_int_equal(wordings, errors);
}

/* -- what it survives ------------------------------------------------------------------------ */

static char *repeat(const char *first, const char *part, size_t n, const char *last)
{
	struct strbuf text = STRBUF_INIT;
	char *s;

	strbuf_adds(&text, first);
	for (size_t i = 0; i < n; i++)
		strbuf_adds(&text, part);
	strbuf_adds(&text, last);
	assert_int_equal(strbuf_finish(&text, &s), 0);
	return s;
}

static void refuses_what_is_too_deep_or_too_long(void **state)
{
	static const struct {
		const char *first, *part, *last;
		size_t n;
	} cases[] = {
		{ "", "(", "", 60000 },
		{ "", "(", "1", 100000 },
		{ "", "-", "a", 60000 },
		{ "a", "+a", "", 30000 },
		{ "", "sum(", "", 15000 },
		{ "a", "^a", "", 30000 },
		{ "", "abs(", "", 15000 },
		{ "a[", "(", "", 60000 },
		{ "a[", "-", "1]", 60000 },
		{ "a[1", "+1", "]", 30000 },
		{ "a", "[1m:]", "", 12000 },
		{ "a[", "max_of(", "", 9000 },
		{ "a offset ", "-", "", 60000 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct promql_error err;
		char *text = repeat(cases[i].first, cases[i].part, cases[i].n, cases[i].last);

		assert_int_equal(parse(text, NULL, &err), -EINVAL);
		free(text);
	}
}

static void takes_long_texts_that_are_not_deep(void **state)
{
	struct strbuf printed = STRBUF_INIT, again = STRBUF_INIT;
	struct promql_error err;
	char *text = repeat("up{a=~\"", "x|", 10000, "y\"}");

	assert_int_equal(parse(text, NULL, &err), 0);
	free(text);
	text = repeat("up{", "a!=\"b\",", 9000, "}");
	assert_int_equal(parse(text, &printed, &err), 0);
	assert_int_equal(parse(printed.s, &again, &err), 0);
	assert_string_equal(printed.s, again.s);
	free(text);
	text = repeat("up", "x", PROMQL_MAX_TEXT, "");
	assert_int_equal(parse(text, NULL, &err), -EINVAL);
	free(text);
	strbuf_release(&printed);
	strbuf_release(&again);
}

static int parse_and_print(void *userdata)
{
	struct strbuf printed = STRBUF_INIT;
	struct promql_error err;
	int status = parse(userdata, &printed, &err);

	if (!status)
		status = printed.err;
	strbuf_release(&printed);
	return status;
}

static void survives_every_allocation_that_fails(void **state)
{
	with_failing_allocations(parse_and_print,
		"sum by (\"a.b\", c) (rate(up{a=~\"b|c\", d!=\"e\"}[5m] offset 1h)) / on (x) group_left "
		"(y) (label_replace(z, 'a', `b`, \"c\", \".*\") or rate(foo[1h:step()+5m]) > bool 3)");
}

/* -- random expressions ---------------------------------------------------------------------- */

static uint64_t random_state = 88172645463325252ull;

static unsigned pick(unsigned n)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (unsigned)(random_state % n);
}

static void add_one_of(struct strbuf *out, const char *const *words, unsigned n)
{
	strbuf_adds(out, words[pick(n)]);
}

#define ADD_ONE_OF(out, ...)                                                                       \
	do {                                                                                       \
		static const char *const words_[] = { __VA_ARGS__ };                               \
		add_one_of((out), words_, ARRAY_SIZE(words_));                                     \
	} while (0)

static void add_vector(struct strbuf *out, unsigned depth);

static void add_scalar(struct strbuf *out, unsigned depth)
{
	if (!depth || !pick(3)) {
		ADD_ONE_OF(out, "1", "0.5", "1e9", "-3", "Inf", "NaN", "0x1f", "5m", "-1h30m",
			"time()", "pi()", "1_000");
		return;
	}
	if (!pick(4)) {
		strbuf_adds(out, "scalar(");
		add_vector(out, depth - 1);
	} else {
		ADD_ONE_OF(out, "(", "-(", "+(");
		add_scalar(out, depth - 1);
		ADD_ONE_OF(out, "+", "-", "*", "/", "%", "^", " atan2 ", "> bool ", "==bool");
		strbuf_addch(out, ' ');
		add_scalar(out, depth - 1);
	}
	strbuf_addch(out, ')');
}

static void add_range(struct strbuf *out, unsigned depth)
{
	if (!depth || pick(2)) {
		ADD_ONE_OF(out, "foo", "bar{a=\"b\"}", "{x=~'y.+'}");
	} else {
		strbuf_addch(out, '(');
		add_vector(out, depth - 1);
		strbuf_addch(out, ')');
		ADD_ONE_OF(out, "[1h:]", "[5m:10s]", "[90:7]");
		ADD_ONE_OF(out, "", "", " offset 3m", " @ 12.5", " @ end() offset -1d");
		return;
	}
	ADD_ONE_OF(out, "[5m]", "[1w2d]", "[1.5]", "[1h:]", "[5m:10s]");
	ADD_ONE_OF(out, "", "", " offset 3m", " offset -1y @ 5", " @ start()");
}

static void add_vector(struct strbuf *out, unsigned depth)
{
	switch (depth ? pick(9) : 0) {
	case 0:
	case 1:
		ADD_ONE_OF(out, "foo", "sum", "bar{a=\"b\",c!~\"d\"}", "{\"my.name\",e=''}",
			"a:b:c", "foo offset 5m", "foo{} @ 100 offset 1ms", "by{on='x'}",
			"start @ start()");
		break;
	case 2:
		add_vector(out, depth - 1);
		ADD_ONE_OF(out, "+", " and ", " or ", " unless ", ">bool ", "/", "^", "!=", "-");
		add_vector(out, depth - 1);
		break;
	case 3:
		ADD_ONE_OF(
			out, "sum", "max by(a)", "COUNT without(b,c)", "avg by(\"a.b\")", "group");
		strbuf_addch(out, '(');
		add_vector(out, depth - 1);
		strbuf_addch(out, ')');
		break;
	case 4:
		ADD_ONE_OF(out, "rate(", "increase(", "last_over_time(", "absent_over_time(");
		add_range(out, depth - 1);
		strbuf_addch(out, ')');
		break;
	case 5:
		ADD_ONE_OF(out, "topk(", "bottomk by(x)(", "quantile(");
		add_scalar(out, depth - 1);
		strbuf_addch(out, ',');
		add_vector(out, depth - 1);
		strbuf_addch(out, ')');
		break;
	case 6:
		ADD_ONE_OF(out, "-", "+", "(");
		if (out->s[out->len - 1] == '(') {
			add_vector(out, depth - 1);
			strbuf_addch(out, ')');
		} else {
			add_vector(out, depth - 1);
		}
		break;
	case 7:
		/* In parentheses, because matching suits vectors only and a number may stand beside. */
		strbuf_adds(out, "((");
		add_vector(out, depth - 1);
		strbuf_addch(out, ')');
		ADD_ONE_OF(out, " or on(a) ", " unless ignoring(b) ", ">bool on() ",
			"/ on(x) group_left(y) ", "== ignoring() group_right() ", "^ on(sum)");
		strbuf_addch(out, '(');
		add_vector(out, depth - 1);
		strbuf_adds(out, "))");
		break;
	default:
		add_vector(out, depth - 1);
		ADD_ONE_OF(out, "*", ">", "<=", "%", "==bool", "^");
		strbuf_addch(out, ' ');
		add_scalar(out, depth - 1);
	}
}

static void prints_random_expressions_so_that_they_read_back(void **state)
{
	struct strbuf text = STRBUF_INIT, once = STRBUF_INIT, twice = STRBUF_INIT;
	struct promql_error err;

	for (unsigned i = 0; i < 20000; i++) {
		strbuf_reset(&text);
		strbuf_reset(&once);
		strbuf_reset(&twice);
		add_vector(&text, 1 + pick(6));
		if (parse(text.s, &once, &err))
			fail_msg("%s: %s", text.s, err.text);
		if (parse(once.s, &twice, &err))
			fail_msg("%s printed as %s: %s", text.s, once.s, err.text);
		assert_string_equal(once.s, twice.s);
	}
	strbuf_release(&text);
	strbuf_release(&once);
	strbuf_release(&twice);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prints_as_prometheus_prints),
		cmocka_unit_test(prints_what_is_experimental),
		cmocka_unit_test(tells_how_far_back_selectors_read),
		cmocka_unit_test(says_what_is_wrong_and_where),
		cmocka_unit_test(knows_every_expressions_type),
		cmocka_unit_test(names_what_it_does_not_evaluate),
		cmocka_unit_test(shows_every_selector),
		cmocka_unit_test(agrees_with_prometheus_on_its_own_cases),
		cmocka_unit_test(refuses_what_is_too_deep_or_too_long),
		cmocka_unit_test(takes_long_texts_that_are_not_deep),
		cmocka_unit_test(survives_every_allocation_that_fails),
		cmocka_unit_test(prints_random_expressions_so_that_they_read_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
