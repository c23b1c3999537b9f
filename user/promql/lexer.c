/*
 * lexer.c - PromQL's text cut into tokens.
 */
#include "promql/lexer.h"

#include <stdio.h>
#include <strings.h>
#include "promql/literal.h"

#define NO_CHAR (-1)

static const struct keyword {
	const char *word;
	enum token_type type;
} keywords[] = {
	{ "and", TOKEN_AND },
	{ "or", TOKEN_OR },
	{ "unless", TOKEN_UNLESS },
	{ "atan2", TOKEN_ATAN2 },
	{ "sum", TOKEN_AGGREGATION },
	{ "avg", TOKEN_AGGREGATION },
	{ "count", TOKEN_AGGREGATION },
	{ "min", TOKEN_AGGREGATION },
	{ "max", TOKEN_AGGREGATION },
	{ "group", TOKEN_AGGREGATION },
	{ "stddev", TOKEN_AGGREGATION },
	{ "stdvar", TOKEN_AGGREGATION },
	{ "topk", TOKEN_AGGREGATION },
	{ "bottomk", TOKEN_AGGREGATION },
	{ "count_values", TOKEN_AGGREGATION },
	{ "quantile", TOKEN_AGGREGATION },
	{ "limitk", TOKEN_AGGREGATION },
	{ "limit_ratio", TOKEN_AGGREGATION },
	{ "offset", TOKEN_OFFSET },
	{ "smoothed", TOKEN_SMOOTHED },
	{ "anchored", TOKEN_ANCHORED },
	{ "by", TOKEN_BY },
	{ "without", TOKEN_WITHOUT },
	{ "on", TOKEN_ON },
	{ "ignoring", TOKEN_IGNORING },
	{ "group_left", TOKEN_GROUP_LEFT },
	{ "group_right", TOKEN_GROUP_RIGHT },
	{ "fill", TOKEN_FILL },
	{ "fill_left", TOKEN_FILL_LEFT },
	{ "fill_right", TOKEN_FILL_RIGHT },
	{ "bool", TOKEN_BOOL },
	{ "start", TOKEN_START },
	{ "end", TOKEN_END },
	{ "step", TOKEN_STEP },
	{ "range", TOKEN_RANGE },
	{ "inf", TOKEN_NUMBER },
	{ "nan", TOKEN_NUMBER },
};

/* Longest first where one begins another. */
static const struct keyword signs[] = {
	{ "==", TOKEN_EQLC },
	{ "!=", TOKEN_NEQ },
	{ "<=", TOKEN_LTE },
	{ ">=", TOKEN_GTE },
	{ "</", TOKEN_TRIM_UPPER },
	{ ">/", TOKEN_TRIM_LOWER },
	{ "<", TOKEN_LSS },
	{ ">", TOKEN_GTR },
	{ "=", TOKEN_EQL },
	{ "+", TOKEN_ADD },
	{ "-", TOKEN_SUB },
	{ "*", TOKEN_MUL },
	{ "/", TOKEN_DIV },
	{ "%", TOKEN_MOD },
	{ "^", TOKEN_POW },
	{ "(", TOKEN_LEFT_PAREN },
	{ ")", TOKEN_RIGHT_PAREN },
	{ "{", TOKEN_LEFT_BRACE },
	{ "[", TOKEN_LEFT_BRACKET },
	{ "]", TOKEN_RIGHT_BRACKET },
	{ ",", TOKEN_COMMA },
	{ "@", TOKEN_AT },
};

static const struct keyword signs_in_braces[] = {
	{ "=~", TOKEN_EQL_REGEX },
	{ "!~", TOKEN_NEQ_REGEX },
	{ "!=", TOKEN_NEQ },
	{ "=", TOKEN_EQL },
	{ "}", TOKEN_RIGHT_BRACE },
	{ ",", TOKEN_COMMA },
};

void lexer_init(struct lexer *lexer, const char *text, size_t len)
{
	*lexer = (struct lexer){ .text = text, .len = len };
}

static int peek_at(const struct lexer *lexer, size_t at)
{
	return at < lexer->len ? (unsigned char)lexer->text[at] : NO_CHAR;
}

static int peek(const struct lexer *lexer)
{
	return peek_at(lexer, lexer->at);
}

static bool is_alpha(int c)
{
	return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(int c)
{
	return c >= '0' && c <= '9';
}

static bool is_alnum(int c)
{
	return is_alpha(c) || is_digit(c);
}

static bool is_space(int c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_one_of(int c, const char *set)
{
	return c > 0 && strchr(set, c);
}

static bool take_any(struct lexer *lexer, const char *set)
{
	if (!is_one_of(peek(lexer), set))
		return false;
	lexer->at++;
	return true;
}

/* The fault is `what` and the character at `at`, quoted as Go's %q quotes a rune. */
static enum token_type fail_at(struct lexer *lexer, const char *what, size_t at, const char *after)
{
	struct strbuf quoted;

	strbuf_init(&quoted, 64);
	literal_quote_rune(&quoted, lexer->text + at, lexer->len - at);
	snprintf(lexer->error, sizeof(lexer->error), "%s%s%s", what, quoted.s, after);
	strbuf_release(&quoted);
	return TOKEN_ERROR;
}

static enum token_type fail(struct lexer *lexer, const char *what)
{
	snprintf(lexer->error, sizeof(lexer->error), "%s", what);
	return TOKEN_ERROR;
}

static void skip_blanks(struct lexer *lexer)
{
	while (lexer->at < lexer->len) {
		if (is_space(peek(lexer))) {
			lexer->at++;
		} else if (peek(lexer) == '#') {
			while (lexer->at < lexer->len && peek(lexer) != '\n' && peek(lexer) != '\r')
				lexer->at++;
		} else {
			return;
		}
	}
}

static enum token_type lex_string(struct lexer *lexer)
{
	enum literal_fault fault;
	size_t len, fault_at = 0;

	fault = literal_scan_string(
		lexer->text + lexer->at, lexer->len - lexer->at, &len, &fault_at);
	switch (fault) {
	case LITERAL_OK:
		lexer->at += len;
		return TOKEN_STRING;
	case LITERAL_ESCAPE:
	case LITERAL_ESCAPE_DIGIT: {
		struct strbuf rune;

		strbuf_init(&rune, 64);
		literal_name_rune(&rune, lexer->text + lexer->at + fault_at,
			lexer->len - lexer->at - fault_at);
		snprintf(lexer->error, sizeof(lexer->error),
			fault == LITERAL_ESCAPE ? "unknown escape sequence %s"
						: "illegal character %s in escape sequence",
			rune.s);
		strbuf_release(&rune);
		return TOKEN_ERROR;
	}
	default:
		return fail(lexer, literal_fault_text(fault));
	}
}

/*
 * A number's characters, as loosely as Prometheus takes them; the parser reads the value. False
 * where it cannot be a number: then a duration may stand there.
 */
static bool scan_number(struct lexer *lexer)
{
	const char *digits = "0123456789";
	size_t start = lexer->at;
	bool dot = false, exponent = false, hex = false;

	if (take_any(lexer, "0") && take_any(lexer, "xX")) {
		take_any(lexer, "_");
		digits = "0123456789abcdefABCDEF";
		hex = true;
	}
	take_any(lexer, ".");
	take_any(lexer, digits);
	for (;;) {
		if (take_any(lexer, ".")) {
			if (dot || hex)
				return false;
			dot = true;
			if (take_any(lexer, "_."))
				return false;
		} else if (!hex && take_any(lexer, "eE")) {
			if (exponent)
				return false;
			exponent = true;
			take_any(lexer, "+-");
			if (take_any(lexer, "._eE") || peek(lexer) == NO_CHAR)
				return false;
		} else if (take_any(lexer, "_")) {
			if (take_any(lexer, "._eE") || peek(lexer) == NO_CHAR)
				return false;
		} else if (!take_any(lexer, digits)) {
			break;
		}
	}
	return lexer->at > start && !is_alnum(peek(lexer));
}

/* What follows the first number of a duration: "m", "ms30s", ... Bad units are the parser's to tell. */
static bool scan_rest_of_duration(struct lexer *lexer)
{
	if (!take_any(lexer, "smhdwy"))
		return false;
	take_any(lexer, "s");
	while (take_any(lexer, "0123456789")) {
		while (take_any(lexer, "0123456789"))
			;
		if (!take_any(lexer, "smhdw"))
			return false;
		take_any(lexer, "s");
	}
	if (!is_alnum(peek(lexer)))
		return true;
	lexer->at++;
	return false;
}

static enum token_type lex_number(struct lexer *lexer, size_t from)
{
	if (scan_number(lexer))
		return TOKEN_NUMBER;
	if (scan_rest_of_duration(lexer))
		return TOKEN_DURATION;
	snprintf(lexer->error, sizeof(lexer->error), "bad number or duration syntax: \"%.*s\"",
		(int)MIN(lexer->at - from, (size_t)80), lexer->text + from);
	return TOKEN_ERROR;
}

static bool paren_follows(const struct lexer *lexer)
{
	size_t at = lexer->at;

	while (is_space(peek_at(lexer, at)))
		at++;
	return peek_at(lexer, at) == '(';
}

static enum token_type lex_word(struct lexer *lexer, size_t from)
{
	bool colon = false;
	size_t len;

	for (; is_alnum(peek(lexer)) || peek(lexer) == ':'; lexer->at++)
		colon |= peek(lexer) == ':';
	len = lexer->at - from;
	for (size_t i = 0; i < ARRAY_SIZE(keywords); i++) {
		const struct keyword *k = &keywords[i];

		if (strlen(k->word) != len || strncasecmp(k->word, lexer->text + from, len) != 0)
			continue;
		/* These three came late and must not take a name from anybody. */
		if ((k->type == TOKEN_FILL || k->type == TOKEN_FILL_LEFT ||
			    k->type == TOKEN_FILL_RIGHT) &&
			!paren_follows(lexer))
			return TOKEN_IDENTIFIER;
		return k->type;
	}
	return colon ? TOKEN_METRIC : TOKEN_IDENTIFIER;
}

static enum token_type lex_sign(struct lexer *lexer, const struct keyword *table, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		size_t len = strlen(table[i].word);

		if (len > lexer->len - lexer->at ||
			memcmp(table[i].word, lexer->text + lexer->at, len) != 0)
			continue;
		lexer->at += len;
		return table[i].type;
	}
	return TOKEN_EOF;
}

static enum token_type lex_in_braces(struct lexer *lexer)
{
	enum token_type type;
	int c = peek(lexer);

	if (c == NO_CHAR)
		return fail(lexer, "unexpected end of input inside braces");
	if (is_alpha(c)) {
		while (is_alnum(peek(lexer)))
			lexer->at++;
		return TOKEN_IDENTIFIER;
	}
	if (is_one_of(c, "\"'`"))
		return lex_string(lexer);
	type = lex_sign(lexer, signs_in_braces, ARRAY_SIZE(signs_in_braces));
	if (type == TOKEN_RIGHT_BRACE)
		lexer->in_braces = false;
	if (type != TOKEN_EOF)
		return type;
	if (c == '{')
		return fail(lexer, "unexpected left brace '{'");
	if (c == '!')
		return fail_at(
			lexer, "unexpected character after '!' inside braces: ", lexer->at + 1, "");
	return fail_at(lexer, "unexpected character inside braces: ", lexer->at, "");
}

/* In brackets stand numbers, durations, and few words. */
static enum token_type lex_word_in_brackets(struct lexer *lexer, size_t from)
{
	static const struct keyword words[] = {
		{ "step", TOKEN_STEP },
		{ "range", TOKEN_RANGE },
		{ "min_of", TOKEN_IDENTIFIER },
		{ "max_of", TOKEN_IDENTIFIER },
	};
	size_t len;

	while (is_alpha(peek(lexer)))
		lexer->at++;
	len = lexer->at - from;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (strlen(words[i].word) == len &&
			!strncasecmp(words[i].word, lexer->text + from, len))
			return words[i].type;
	}
	if (lexer->after_number)
		return fail_at(lexer, "unexpected character: ", from, ", expected ':'");
	return fail_at(lexer, "unexpected character in duration expression: ", from, "");
}

static enum token_type lex_in_brackets(struct lexer *lexer, size_t from)
{
	enum token_type type;
	int c = peek(lexer);

	if (c == NO_CHAR)
		return fail(lexer, "unexpected end of input in duration expression");
	if (is_digit(c) || (c == '.' && is_digit(peek_at(lexer, lexer->at + 1)))) {
		lexer->after_number = true;
		return lex_number(lexer, from);
	}
	if (is_alpha(c))
		return lex_word_in_brackets(lexer, from);
	if (c == ':') {
		if (lexer->got_colon)
			return fail(lexer, "unexpected colon ':'");
		lexer->got_colon = true;
		lexer->after_number = false;
		lexer->at++;
		return TOKEN_COLON;
	}
	if (c == '[')
		return fail(lexer, "unexpected left bracket '['");
	type = is_one_of(c, "+-*/%^(),]") ? lex_sign(lexer, signs, ARRAY_SIZE(signs)) : TOKEN_EOF;
	if (type == TOKEN_EOF)
		return fail_at(lexer, "unexpected character in duration expression: ", from, "");
	if (type == TOKEN_RIGHT_BRACKET)
		lexer->in_brackets = false;
	lexer->after_number = type == TOKEN_RIGHT_PAREN;
	return type;
}

static enum token_type lex_statement(struct lexer *lexer, size_t from)
{
	enum token_type type;
	int c = peek(lexer);

	if (is_digit(c) || (c == '.' && is_digit(peek_at(lexer, lexer->at + 1))))
		return lex_number(lexer, from);
	if (is_alpha(c) || c == ':')
		return lex_word(lexer, from);
	if (is_one_of(c, "\"'`"))
		return lex_string(lexer);
	if (c == '=' && peek_at(lexer, from + 1) == '~')
		return fail_at(lexer, "unexpected character after '=': ", from + 1, "");
	if (c == ']')
		return fail(lexer, "unexpected right bracket ']'");
	type = lex_sign(lexer, signs, ARRAY_SIZE(signs));
	if (type == TOKEN_LEFT_BRACE)
		lexer->in_braces = true;
	if (type == TOKEN_LEFT_BRACKET) {
		lexer->in_brackets = true;
		lexer->got_colon = false;
		lexer->after_number = false;
	}
	if (type != TOKEN_EOF)
		return type;
	if (c == '!')
		return fail_at(lexer, "unexpected character after '!': ", from + 1, "");
	return fail_at(lexer, "unexpected character: ", from, "");
}

void lexer_next(struct lexer *lexer, struct token *ret)
{
	if (lexer->error[0]) {
		*ret = (struct token){ TOKEN_ERROR, ret->from, lexer->len };
		return;
	}
	skip_blanks(lexer);
	ret->from = lexer->at;
	if (lexer->in_braces)
		ret->type = lex_in_braces(lexer);
	else if (peek(lexer) == NO_CHAR && lexer->parens)
		ret->type = fail(lexer, "unclosed left parenthesis");
	else if (lexer->in_brackets)
		ret->type = lex_in_brackets(lexer, ret->from);
	else if (peek(lexer) == NO_CHAR)
		ret->type = TOKEN_EOF;
	else
		ret->type = lex_statement(lexer, ret->from);

	if (ret->type == TOKEN_LEFT_PAREN)
		lexer->parens++;
	else if (ret->type == TOKEN_RIGHT_PAREN && !lexer->parens--)
		ret->type = fail(lexer, "unexpected right parenthesis ')'");
	ret->to = ret->type == TOKEN_ERROR ? lexer->len : lexer->at;
}

void token_describe(const struct token *token, const char *text, struct strbuf *out)
{
	static const char *const nouns[] = {
		[TOKEN_IDENTIFIER] = "identifier ",
		[TOKEN_METRIC] = "metric identifier ",
		[TOKEN_STRING] = "string ",
		[TOKEN_NUMBER] = "number ",
		[TOKEN_DURATION] = "duration ",
	};
	const char *s = text + token->from;
	size_t len = token->to - token->from;
	bool cut;

	if (token->type == TOKEN_EOF) {
		strbuf_adds(out, "end of input");
		return;
	}
	if (token->type < ARRAY_SIZE(nouns) && nouns[token->type])
		strbuf_adds(out, nouns[token->type]);
	if (token->type >= TOKEN_ADD && token->type <= TOKEN_AT) {
		strbuf_addf(out, "<op:%.*s>", (int)len, s);
		return;
	}
	if (token->type == TOKEN_AGGREGATION) {
		strbuf_addf(out, "<aggr:%.*s>", (int)len, s);
		return;
	}
	if (token->type >= TOKEN_BOOL && token->type <= TOKEN_FILL_RIGHT) {
		strbuf_addf(out, "<%.*s>", (int)len, s);
		return;
	}
	/* Long names are shown whole, long texts are not. */
	cut = len > 10 && token->type != TOKEN_IDENTIFIER && token->type != TOKEN_METRIC;
	literal_quote(out, s, cut ? 10 : len);
	if (cut)
		strbuf_adds(out, "...");
}
