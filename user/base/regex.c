/*
 * regex.c - regular expressions with RE2's meaning, by PCRE2.
 */
#include "base/regex.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include "base/pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#define MATCH_LIMIT 1000000u
#define DEPTH_LIMIT 10000u

#define MAX_PIECE 64

struct regex {
	pcre2_code *code;
	/*
	 * Of an anchored one, where they can be told: what a text is, or begins with, that it matches, NUL
	 * between and an empty one behind; else a piece of it. Most texts are refused by a comparison.
	 */
	char *words;
	bool whole;
	char *piece;
};

static uint64_t limit_hits;

/* One context for all: there is one thread that matches. */
static pcre2_match_context *match_context(void)
{
	static pcre2_match_context *context;

	if (!context) {
		context = pcre2_match_context_create(NULL);
		if (context) {
			pcre2_set_match_limit(context, MATCH_LIMIT);
			pcre2_set_depth_limit(context, DEPTH_LIMIT);
		}
	}
	return context;
}

/* What follows "(?" in RE2: ':', flags, 'P<name>', '<name>'. */
static bool group_is_re2(const char *p)
{
	if (*p == ':')
		return true;
	if (*p == 'P')
		return p[1] == '<';
	if (*p == '<')
		return p[1] != '=' && p[1] != '!';
	while (*p && strchr("imsU-", *p))
		p++;
	return *p == ':' || *p == ')';
}

/* The length of a quantifier but for the ? that makes it lazy; 0: none, as a { may stand for itself. */
static size_t quantifier(const char *p)
{
	size_t n = 1, digits;

	if (*p && strchr("*+?", *p))
		return 1;
	if (*p != '{')
		return 0;
	digits = strspn(p + n, "0123456789");
	n += digits;
	if (digits && p[n] == ',')
		n += 1 + strspn(p + n + 1, "0123456789");
	return digits && p[n] == '}' ? n + 1 : 0;
}

/* Passes what follows a backslash, to its last byte. NULL: RE2 has it, too. */
static const char *pass_escape(const char **at, bool in_class)
{
	const char *p = *at, *end;

	if (!*p)
		return "trailing backslash at end of expression";
	if (!in_class && isdigit((unsigned char)*p) && *p != '0')
		return "back references are not part of RE2's syntax";
	if ((!in_class && strchr("gkKGXRhHVNZE", *p)) || strchr("ceo", *p) ||
		(unsigned char)*p >= 0x80)
		return "this escape sequence is not part of RE2's syntax";
	if (*p != 'Q')
		return NULL;
	end = strstr(p, "\\E");
	*at = end ? end + 1 : p + strlen(p) - 1;
	return NULL;
}

/* Passes one thing between brackets, to its last byte. */
static const char *pass_in_class(const char *p, bool *in_class)
{
	const char *end = *p == '[' && p[1] == ':' ? strstr(p, ":]") : NULL;

	*in_class = *p != ']';
	return end ? end + 1 : p;
}

/* Passes the opening bracket of a class, and one that it may begin with. */
static const char *pass_class_start(const char *p)
{
	p += p[1] == '^';
	return p + (p[1] == ']');
}

/* What is wrong with a parenthesis, of which so many are open; NULL: nothing. */
static const char *parenthesis_fault(const char *p, unsigned *groups)
{
	/* It would end the group that stands around the whole. */
	if (*p == ')')
		return (*groups)-- ? NULL : "unexpected )";
	if (p[1] == '*')
		return "verbs are not part of RE2's syntax";
	if (p[1] == '?' && !group_is_re2(p + 2))
		return "look-around and special groups are not part of RE2's syntax";
	++*groups;
	return NULL;
}

static const char *not_in_re2(const char *pattern)
{
	bool in_class = false, repeated = false;
	const char *fault = NULL;
	unsigned groups = 0;
	size_t n;

	for (const char *p = pattern; *p && !fault; p++) {
		n = in_class ? 0 : quantifier(p);
		if (n && repeated)
			return *p == '+' ? "possessive quantifiers are not part of RE2's syntax"
					 : "a repetition of a repetition needs a group";
		repeated = n > 0;
		if (n) {
			p += n - 1 + (p[n] == '?');
		} else if (*p == '\\') {
			p++;
			fault = pass_escape(&p, in_class);
		} else if (in_class) {
			p = pass_in_class(p, &in_class);
		} else if (*p == '[') {
			in_class = true;
			p = pass_class_start(p);
		} else if (*p == '(' || *p == ')') {
			fault = parenthesis_fault(p, &groups);
			p += *p == '(' && p[1] == '?';
		}
	}
	return fault;
}

static int keep_words(struct regex *regex, const struct pattern_words *words)
{
	size_t bytes = 1;
	char *to;

	for (size_t i = 0; i < words->n; i++)
		bytes += strlen(words->v[i]) + 1;
	to = regex->words = malloc(bytes);
	if (!to)
		return -ENOMEM;
	for (size_t i = 0; i < words->n; i++) {
		size_t len = strlen(words->v[i]) + 1;

		memcpy(to, words->v[i], len);
		to += len;
	}
	*to = '\0';
	regex->whole = !words->prefixes;
	return 0;
}

static int find_words(struct regex *regex, const char *pattern)
{
	struct pattern_words words;
	char piece[MAX_PIECE];
	int told = pattern_words(pattern, &words);

	if (told > 0)
		told = keep_words(regex, &words);
	else if (!told && pattern_piece(pattern, piece, sizeof(piece)))
		told = (regex->piece = strdup(piece)) ? 0 : -ENOMEM;
	free(words.text);
	return told;
}

/* False: it does not match. True says nothing, but where the words are all of it. */
static bool may_match(const struct regex *regex, const char *text, size_t len)
{
	if (regex->piece)
		return memmem(text, len, regex->piece, strlen(regex->piece));
	if (!regex->words)
		return true;
	for (const char *word = regex->words; *word;) {
		size_t n = strlen(word);

		if ((regex->whole ? n == len : n <= len) && !memcmp(word, text, n))
			return true;
		word += n + 1;
	}
	return false;
}

static int compile(
	const char *pattern, bool anchored, struct regex **ret, char *error, size_t error_size)
{
	struct regex *regex;
	const char *refused = not_in_re2(pattern);
	PCRE2_SIZE offset;
	size_t len = strlen(pattern);
	char *whole = NULL;
	int code;

	if (refused || len > REGEX_MAX_PATTERN) {
		snprintf(error, error_size, "%s", refused ? refused : "the expression is too long");
		return -EINVAL;
	}
	regex = calloc(1, sizeof(*regex));
	if (!regex)
		return -ENOMEM;
	/* To RE2 a \Q lasts to the end where no \E ends it; one that ends nothing says nothing to PCRE2. */
	if (asprintf(&whole, anchored ? "^(?:%s\\E)$" : "(?:%s\\E)", pattern) < 0)
		goto out_of_memory;
	/* Prometheus compiles its matchers with (?s); templates have the dot of Go's default. */
	regex->code = pcre2_compile((PCRE2_SPTR)whole, strlen(whole),
		PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_DOLLAR_ENDONLY |
			PCRE2_NEVER_BACKSLASH_C | (anchored ? PCRE2_DOTALL : 0),
		&code, &offset, NULL);
	free(whole);
	if (!regex->code) {
		char text[160];

		pcre2_get_error_message(code, (PCRE2_UCHAR *)text, sizeof(text));
		snprintf(error, error_size, "%s", text);
		regex_free(regex);
		return -EINVAL;
	}
	if (anchored && find_words(regex, pattern))
		goto out_of_memory;
	*ret = regex;
	return 0;

out_of_memory:
	regex_free(regex);
	return -ENOMEM;
}

int regex_new(const char *pattern, struct regex **ret, char *error, size_t error_size)
{
	return compile(pattern, true, ret, error, error_size);
}

int regex_new_search(const char *pattern, struct regex **ret, char *error, size_t error_size)
{
	return compile(pattern, false, ret, error, error_size);
}

void regex_free(struct regex *regex)
{
	if (!regex)
		return;
	pcre2_code_free(regex->code);
	free(regex->words);
	free(regex->piece);
	free(regex);
}

/* As pcre2_match(); what is given up for its cost is counted. */
static int match(const struct regex *regex, const char *text, size_t len, size_t from,
	pcre2_match_data *data)
{
	int n = pcre2_match(regex->code, (PCRE2_SPTR)text, len, from, 0, data, match_context());

	limit_hits += n == PCRE2_ERROR_MATCHLIMIT || n == PCRE2_ERROR_DEPTHLIMIT;
	return n;
}

bool regex_matches(const struct regex *regex, const char *text, size_t len)
{
	/* As the context: one for all. */
	static pcre2_match_data *data;

	if (!may_match(regex, text, len))
		return false;
	if (regex->whole)
		return true;
	if (!data)
		data = pcre2_match_data_create(1, NULL);
	return data && match(regex, text, len, 0, data) >= 0;
}

/* The group that "$name" means: a number, or a name that the expression gives; -1 for none. */
static int group_number(const struct regex *regex, const char *name, size_t len)
{
	char copy[64];
	char *end;
	long n;

	if (!len || len >= sizeof(copy))
		return -1;
	memcpy(copy, name, len);
	copy[len] = '\0';
	n = strtol(copy, &end, 10);
	if (!*end)
		return n >= 0 && n < 1000 ? (int)n : -1;
	n = pcre2_substring_number_from_name(regex->code, (PCRE2_SPTR)copy);
	return n >= 0 ? (int)n : -1;
}

static void expand(const struct regex *regex, const char *text, const PCRE2_SIZE *at, int groups,
	const char *replacement, struct strbuf *out)
{
	const char *p = replacement, *name;
	size_t len;
	int group;

	while (*p) {
		if (*p != '$') {
			strbuf_addch(out, *p++);
			continue;
		}
		if (p[1] == '$') {
			strbuf_addch(out, '$');
			p += 2;
			continue;
		}
		name = p[1] == '{' ? p + 2 : p + 1;
		for (len = 0; isalnum((unsigned char)name[len]) || name[len] == '_'; len++)
			;
		if (!len || (p[1] == '{' && name[len] != '}')) {
			strbuf_addch(out, *p++);
			continue;
		}
		group = group_number(regex, name, len);
		if (group >= 0 && group < groups && at[2 * group] != PCRE2_UNSET)
			strbuf_add(out, text + at[2 * group], at[2 * group + 1] - at[2 * group]);
		p = name + len + (p[1] == '{');
	}
}

bool regex_expand(const struct regex *regex, const char *text, size_t len, const char *replacement,
	struct strbuf *out)
{
	pcre2_match_data *data = pcre2_match_data_create_from_pattern(regex->code, NULL);
	int n;

	if (!data)
		return false;
	n = match(regex, text, len, 0, data);
	if (n > 0)
		expand(regex, text, pcre2_get_ovector_pointer(data), n, replacement, out);
	pcre2_match_data_free(data);
	return n > 0;
}

void regex_replace_all(const struct regex *regex, const char *text, size_t len,
	const char *replacement, struct strbuf *out)
{
	pcre2_match_data *data = pcre2_match_data_create_from_pattern(regex->code, NULL);
	const PCRE2_SIZE *at;
	size_t from = 0, copied = 0;
	int n;

	while (data && from <= len) {
		n = match(regex, text, len, from, data);
		if (n <= 0)
			break;
		at = pcre2_get_ovector_pointer(data);
		/* Go takes no empty match right behind the match before. */
		if (at[1] > at[0] || at[0] > copied || !at[0]) {
			strbuf_add(out, text + copied, at[0] - copied);
			expand(regex, text, at, n, replacement, out);
			copied = at[1];
		}
		from = at[1] > at[0] ? at[1] : at[1] + 1;
		while (from < len && ((unsigned char)text[from] & 0xc0) == 0x80)
			from++;
	}
	strbuf_add(out, text + copied, len - copied);
	pcre2_match_data_free(data);
}

uint64_t regex_limit_hits(void)
{
	return limit_hits;
}
