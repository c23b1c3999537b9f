/* What is told of an expression is true of everything that it matches. */
#include "harness.h"

#include "base/pattern.h"
#include "base/regex.h"

/* Words with spaces between them; a '*' behind them: they are prefixes. NULL: cannot tell. */
static const struct {
	const char *pattern, *words, *piece;
} rows[] = {
	{ "up", "up", "up" },
	{ "a|b\\.c", "a b.c", NULL },
	{ "^(?:a|b)$", "a b", NULL },
	{ "^(foo1|foo2|baz)$", "foo1 foo2 baz", NULL },
	{ "(a|(b|c))|d", "a b c d", NULL },
	{ "^a|b$", "a b", NULL },
	{ "a|a", "a a", NULL },
	{ "api-7(-.+)?", "api-7 *", "api-7" },
	{ "api.*|web-1", "api web-1 *", NULL },
	{ "api.*|api-1|ap", "ap *", NULL },
	{ "abc*", "ab *", "ab" },
	{ "abc+d", "abc *", "abc" },
	{ "a{2}b", NULL, "b" },
	{ "xy?z", "x *", "x" },
	{ "\xc3\xa4*", NULL, NULL },
	{ "x\xc3\xa4*", "x *", "x" },
	{ ".*foo.*", NULL, "foo" },
	{ ".+-prod-[0-9]+", NULL, "-prod-" },
	{ "[^]ab]cd(ef|gh)ijk?l", NULL, "cd" },
	{ "[[:alpha:]]x", NULL, "x" },
	{ "(a|b)c", NULL, "c" },
	{ "(ab)*c", NULL, "c" },
	{ "\\d+abc", NULL, "abc" },
	{ "\\x41bc", NULL, NULL },
	{ "\\pLbc", NULL, NULL },
	{ "(?i)up", NULL, NULL },
	{ "(?i:up)", NULL, NULL },
	{ "a\\Q.*\\E", NULL, NULL },
	{ "a|", NULL, NULL },
	{ "", NULL, NULL },
	{ ".*", NULL, NULL },
	{ "a\\$", "a$", "a$" },
	{ "a\\\\$", "a\\", "a\\" },
	{ "a$b", "a *", "a" },
	{ "()", NULL, NULL },
	{ "(a)(b)", NULL, NULL },
	{ "abcdefghijklmnopqrstuvwxyz0123456789.*", "abcdefghijklmnopqrstuvwxyz012345 *",
		"abcdefghijklmnopqrstuvwxyz0123456789" },
};

static void what_is_plain_is_told(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct pattern_words words;
		struct strbuf text = STRBUF_INIT;
		char piece[64];

		if (pattern_words(rows[i].pattern, &words)) {
			for (size_t k = 0; k < words.n; k++)
				strbuf_addf(&text, "%s%s", k ? " " : "", words.v[k]);
			strbuf_adds(&text, words.prefixes ? " *" : "");
		}
		if (!streq(text.s, rows[i].words ? rows[i].words : ""))
			fail_msg("%s: %s", rows[i].pattern, text.s);
		if (!pattern_piece(rows[i].pattern, piece, sizeof(piece)))
			piece[0] = '\0';
		if (!streq(piece, rows[i].piece ? rows[i].piece : ""))
			fail_msg("%s: %s", rows[i].pattern, piece);
		strbuf_release(&text);
		free(words.text);
	}
}

static uint32_t next(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

static void add_random(struct strbuf *out, uint32_t *seed, unsigned depth)
{
	static const char *const atoms[] = { "a", "b", "ab", "\\.", ".", "[ab]", "[^a]", "\\w",
		"\xc3\xa4", "^", "$", "a{2}", "b{0,1}", "[]a]", "\\x61" };
	static const char *const ends[] = { "", "", "", "", "*", "+", "?", "??", "+?" };
	unsigned n = next(seed) % 4;

	for (unsigned i = 0; i <= n; i++) {
		if (next(seed) % 6 == 0)
			strbuf_adds(out, "|");
		if (depth < 3 && next(seed) % 4 == 0) {
			strbuf_adds(out, next(seed) % 2 ? "(" : "(?:");
			add_random(out, seed, depth + 1);
			strbuf_adds(out, ")");
		} else {
			strbuf_adds(out, atoms[next(seed) % ARRAY_SIZE(atoms)]);
		}
		strbuf_adds(out, ends[next(seed) % ARRAY_SIZE(ends)]);
	}
}

/* The search has none of the words: what it says is the machine's own answer. */
static bool matches_whole(const char *pattern, const char *text, bool *ret_valid)
{
	struct strbuf anchored = STRBUF_INIT;
	scoped(regex_freep) struct regex *regex = NULL;
	char error[200];

	strbuf_addf(&anchored, "^(?s:%s)$", pattern);
	*ret_valid = !regex_new_search(anchored.s, &regex, error, sizeof(error));
	strbuf_release(&anchored);
	return *ret_valid && regex_matches(regex, text, strlen(text));
}

static void words_change_no_answer(void **state)
{
	static const char *const letters[] = { "a", "b", ".", "\xc3\xa4", "\xc3", "$", "]" };
	struct strbuf pattern = STRBUF_INIT, text = STRBUF_INIT;
	uint32_t seed = 42;
	size_t valid = 0, matched = 0;

	for (unsigned i = 0; i < 20000; i++) {
		scoped(regex_freep) struct regex *regex = NULL;
		char error[200];

		strbuf_reset(&pattern);
		add_random(&pattern, &seed, 0);
		if (regex_new(pattern.s, &regex, error, sizeof(error)))
			continue;
		for (unsigned k = 0; k < 8; k++) {
			bool is_valid, expected;

			strbuf_reset(&text);
			for (unsigned n = next(&seed) % 5; n; n--)
				strbuf_adds(&text, letters[next(&seed) % ARRAY_SIZE(letters)]);
			expected = matches_whole(pattern.s, text.s, &is_valid);
			if (is_valid && regex_matches(regex, text.s, text.len) != expected)
				fail_msg("%s on %s", pattern.s, text.s);
			valid += is_valid;
			matched += expected;
		}
	}
	assert_true(valid > 50000);
	assert_true(matched > 5000);
	strbuf_release(&pattern);
	strbuf_release(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_plain_is_told),
		cmocka_unit_test(words_change_no_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
