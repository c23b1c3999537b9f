/*
 * pattern.c - expressions taken apart, as far as they are plain.
 */
#include "base/pattern.h"

#include <errno.h>

#define MAX_DEPTH 16

struct span {
	const char *s, *end;
};

/* What changes the meaning of all that follows, or hides signs. */
static bool is_understood(const char *pattern)
{
	if (strstr(pattern, "\\Q"))
		return false;
	for (const char *p = strstr(pattern, "(?"); p; p = strstr(p + 1, "(?")) {
		if (p[2] != ':')
			return false;
	}
	return true;
}

/* Behind the class that begins at s. */
static const char *skip_class(const char *s, const char *end)
{
	s++;
	s += s < end && *s == '^';
	s += s < end && *s == ']';
	while (s < end && *s != ']') {
		const char *named =
			s + 1 < end && *s == '[' && s[1] == ':' ? strstr(s, ":]") : NULL;

		s += named ? named + 2 - s : *s == '\\' ? 2 : 1;
	}
	return MIN(s + 1, end);
}

/* Behind the part at s: a character, an escape, a class, a bracket. */
static const char *skip_part(const char *s, const char *end)
{
	if (*s == '[')
		return skip_class(s, end);
	return MIN(s + (*s == '\\' ? 2 : 1), end);
}

/* The first of these outside all brackets, or the end. A closing one is outside of what it closes. */
static const char *find_outside(const char *s, const char *end, char wanted)
{
	unsigned depth = 0;

	while (s < end) {
		if (!depth && *s == wanted)
			return s;
		if (*s == '(')
			depth++;
		else if (*s == ')' && depth)
			depth--;
		s = skip_part(s, end);
	}
	return end;
}

static bool is_quantifier(char c)
{
	return c == '*' || c == '+' || c == '?' || c == '{';
}

static bool ends_escaped(struct span span)
{
	const char *p = span.end - 1;

	while (p > span.s && p[-1] == '\\')
		p--;
	return (span.end - 1 - p) % 2;
}

/* Without the anchors and the brackets around the whole. */
static struct span strip(struct span span)
{
	for (;;) {
		const char *inside = span.s + 1;

		if (span.end - span.s < 2)
			return span;
		if (*span.s == '^' && !is_quantifier(span.s[1])) {
			span.s++;
		} else if (span.end[-1] == '$' && !ends_escaped(span)) {
			span.end--;
		} else if (*span.s == '(' && find_outside(inside, span.end, ')') == span.end - 1) {
			span.s = *inside == '?' ? inside + 2 : inside;
			span.end--;
		} else {
			return span;
		}
	}
}

/*
 * The character at *p, unescaped and moved past; 0 where it is more than a character. Bytes of one that has
 * several come one by one.
 */
static char plain_char(const char **p, const char *end)
{
	char c = **p;

	if (c == '\\') {
		/* Only signs: a letter behind it is a class, or the like. */
		c = *p + 1 < end ? (*p)[1] : '\0';
		if (!c || !strchr("\\.+*?()|[]{}^$-/\"' ", c))
			return '\0';
		++*p;
	} else if (strchr(".+*?()|[]{}^$", c)) {
		return '\0';
	}
	++*p;
	return c;
}

/* Takes the last character back. */
static size_t drop_char(const char *s, size_t len)
{
	while (len && ((unsigned char)s[--len] & 0xc0) == 0x80)
		;
	return len;
}

/* Plain text at *p, moved behind it, to `out`; how much. */
static size_t plain_text(const char **p, const char *end, char *out)
{
	size_t len = 0;

	while (*p < end) {
		char c = plain_char(p, end);

		if (!c)
			break;
		out[len++] = c;
		if (*p == end || !is_quantifier(**p))
			continue;
		/* Once at least; all others may leave it out. */
		if (**p != '+')
			len = drop_char(out, len);
		break;
	}
	return len;
}

struct taking {
	struct pattern_words *words;
	char *to;
};

static bool take_branch(struct taking *t, struct span span)
{
	struct pattern_words *words = t->words;
	const char *p = span.s;
	size_t len = plain_text(&p, span.end, t->to);

	if (!len || words->n == PATTERN_MAX_WORDS)
		return false;
	if (p < span.end)
		words->prefixes = true;
	t->to[len] = '\0';
	words->v[words->n++] = t->to;
	t->to += len + 1;
	return true;
}

/* All branches, also those of brackets that hold one as a whole. */
static bool take(struct taking *t, struct span whole, unsigned depth)
{
	struct span span = strip(whole);
	const char *bar;

	if (depth == MAX_DEPTH)
		return false;
	for (;; span.s = bar + 1) {
		struct span branch = { span.s, bar = find_outside(span.s, span.end, '|') };

		if (bar == span.end && span.s == whole.s && branch.end == whole.end)
			return take_branch(t, branch);
		if (!take(t, branch, depth + 1))
			return false;
		if (bar == span.end)
			return true;
	}
}

/* Shortens what is too long, and leaves out what begins with another one. */
static void tidy_prefixes(struct pattern_words *words)
{
	size_t n = 0;

	for (size_t i = 0; i < words->n; i++) {
		char *text = (char *)words->v[i];

		if (strlen(text) > PATTERN_MAX_PREFIX)
			text[PATTERN_MAX_PREFIX] = '\0';
	}
	for (size_t i = 0; i < words->n; i++) {
		bool needless = false;

		for (size_t k = 0; k < words->n && !needless; k++) {
			const char *other = words->v[k];

			needless = k != i && other && starts_with(words->v[i], other) &&
				   (k < i || words->v[i][strlen(other)]);
		}
		if (needless)
			words->v[i] = NULL;
	}
	for (size_t i = 0; i < words->n; i++) {
		if (words->v[i])
			words->v[n++] = words->v[i];
	}
	words->n = n;
}

int pattern_words(const char *pattern, struct pattern_words *ret)
{
	size_t len = strlen(pattern);
	struct taking t = { .words = ret };

	*ret = (struct pattern_words){ 0 };
	if (!is_understood(pattern))
		return 0;
	/* Each bar makes room for its NUL, but for the last word's. */
	t.to = ret->text = malloc(len + 2);
	if (!t.to)
		return -ENOMEM;
	if (!take(&t, (struct span){ pattern, pattern + len }, 0))
		return 0;
	if (ret->prefixes)
		tidy_prefixes(ret);
	return 1;
}

/* Behind what is no plain text at p. NULL where it cannot tell what it is. */
static const char *skip_other(const char *p, const char *end)
{
	switch (*p) {
	case '\\':
		return end - p > 1 && strchr("dDwWsSbB", p[1]) ? p + 2 : NULL;
	case '(':
		return MIN(find_outside(p + 1, end, ')') + 1, end);
	case '{':
		p = memchr(p, '}', (size_t)(end - p));
		return p ? p + 1 : NULL;
	default:
		return skip_part(p, end);
	}
}

size_t pattern_piece(const char *pattern, char *ret, size_t size)
{
	struct span span = strip((struct span){ pattern, pattern + strlen(pattern) });
	scoped(freep) char *text = malloc((size_t)(span.end - span.s) + 1);
	size_t most = 0, len;

	if (!text || !is_understood(pattern) || find_outside(span.s, span.end, '|') != span.end)
		return 0;
	for (const char *p = span.s; p && p < span.end;) {
		len = MIN(plain_text(&p, span.end, text), size - 1);
		if (len > most) {
			memcpy(ret, text, len);
			ret[len] = '\0';
			most = len;
		}
		p = p < span.end ? skip_other(p, span.end) : p;
		if (!p)
			return 0;
	}
	return most;
}
