/*
 * censor.c - secrets kept out of what strangers say.
 *
 * A text is not decoded and searched, but compared with each secret unit by unit, where a unit is a byte or one
 * of the ways to write one: so what is shown of the rest stays as it came.
 */
#include "base/censor.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include "base/escape.h"
#include "base/hex.h"

/* Shorter segments of a path are words of an API. */
#define TOKEN_MIN_BYTES 16

static void wipe(char *s, size_t len)
{
	if (s)
		explicit_bzero(s, len);
	free(s);
}

void censor_release(struct censor *censor)
{
	for (size_t i = 0; i < censor->n; i++)
		wipe(censor->words[i].s, censor->words[i].len);
	free(censor->words);
	*censor = CENSOR_INIT;
}

/* -- what is looked for -- */

static bool knows(const struct censor *censor, const char *s, size_t len)
{
	for (size_t i = 0; i < censor->n; i++) {
		if (censor->words[i].len == len && !memcmp(censor->words[i].s, s, len))
			return true;
	}
	return false;
}

static bool reserve(struct censor *censor)
{
	size_t cap = censor->cap ? 2 * censor->cap : 8;
	struct censor_word *words;

	if (censor->n < censor->cap)
		return true;
	words = reallocarray(censor->words, cap, sizeof(*words));
	if (!words)
		return false;
	censor->words = words;
	censor->cap = cap;
	return true;
}

static void add_word(struct censor *censor, const char *s, size_t len, bool is_base64)
{
	char *copy;

	if (censor->err || !len || knows(censor, s, len))
		return;
	copy = reserve(censor) ? strndup(s, len) : NULL;
	if (!copy) {
		censor->err = -ENOMEM;
		return;
	}
	censor->words[censor->n++] = (struct censor_word){ copy, len, is_base64 };
}

/* Without padding, which a server may leave out. The caller wipes it. */
static char *base64(const char *bytes, size_t len, const char *last_digits, size_t *ret_len)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
	const unsigned char *p = (const unsigned char *)bytes;
	char *text = malloc((len + 2) / 3 * 4 + 1);
	size_t n = 0;

	if (!text)
		return NULL;
	for (size_t bit = 0; bit < 8 * len; bit += 6) {
		unsigned pair =
			(unsigned)p[bit / 8] << 8 | (bit / 8 + 1 < len ? p[bit / 8 + 1] : 0u);
		unsigned v = pair >> (10 - bit % 8) & 63;

		text[n++] = v < 62 ? digits[v] : last_digits[v - 62];
	}
	text[n] = '\0';
	*ret_len = n;
	return text;
}

void censor_add_base64(struct censor *censor, const char *bytes, size_t len)
{
	static const char *const alphabets[] = { "+/", "-_" };
	size_t n;

	for (size_t i = 0; censor && len && i < ARRAY_SIZE(alphabets); i++) {
		char *text = base64(bytes, len, alphabets[i], &n);

		if (text) {
			add_word(censor, text, n, true);
			wipe(text, n);
		} else {
			censor->err = -ENOMEM;
		}
	}
}

static void add(struct censor *censor, const char *secret, size_t len)
{
	add_word(censor, secret, len, false);
	censor_add_base64(censor, secret, len);
}

void censor_add(struct censor *censor, const char *secret)
{
	if (censor && secret)
		add(censor, secret, strlen(secret));
}

void censor_add_login(struct censor *censor, const char *user, const char *password)
{
	size_t size = (user ? strlen(user) : 0) + (password ? strlen(password) : 0) + 2;
	char *both;

	if (!censor || !password || !*password)
		return;
	censor_add(censor, password);
	both = malloc(size);
	if (!both) {
		censor->err = -ENOMEM;
		return;
	}
	snprintf(both, size, "%s:%s", user ? user : "", password);
	censor_add_base64(censor, both, size - 1);
	wipe(both, size);
}

void censor_add_url_login(struct censor *censor, const char *url)
{
	const char *host = url ? strstr(url, "://") : NULL;
	const char *end = host ? host + 3 + strcspn(host + 3, "/?#") : NULL;
	const char *at = host ? memrchr(host + 3, '@', (size_t)(end - host - 3)) : NULL;
	const char *colon = at ? memchr(host + 3, ':', (size_t)(at - host - 3)) : NULL;

	if (!censor || !at)
		return;
	/* Where there is no colon the user's name is likely a token. */
	add(censor, host + 3, (size_t)(at - host - 3));
	if (colon)
		add(censor, colon + 1, (size_t)(at - colon - 1));
}

static void add_query(struct censor *censor, const char *query)
{
	size_t len, value;

	add(censor, query, strlen(query));
	for (; *query; query += len + !!query[len]) {
		len = strcspn(query, "&;#");
		value = strcspn(query, "=&;#");
		if (query[value] == '=' && len - value > CENSOR_MIN_BYTES)
			add(censor, query + value + 1, len - value - 1);
	}
}

static void add_segments(struct censor *censor, const char *path, const char *end)
{
	for (size_t len; path < end; path += len + 1) {
		len = MIN(strcspn(path, "/"), (size_t)(end - path));
		if (len >= TOKEN_MIN_BYTES)
			add(censor, path, len);
	}
}

void censor_add_url(struct censor *censor, const char *url)
{
	const char *host = url ? strstr(url, "://") : NULL;
	const char *path = host ? strpbrk(host + 3, "/?#") : NULL;
	size_t len = path ? strcspn(path, "?#") : 0;

	if (!censor || !url)
		return;
	censor_add(censor, url);
	censor_add_url_login(censor, url);
	if (!path)
		return;
	/* "/" alone, or a path as short, is nobody's secret. */
	if (strlen(path) >= CENSOR_MIN_BYTES)
		add(censor, path, strlen(path));
	if (len >= CENSOR_MIN_BYTES)
		add(censor, path, len);
	add_segments(censor, path, path + len);
	if (path[len])
		add_query(censor, path + len + 1);
}

void censor_add_all(struct censor *censor, const struct censor *others)
{
	for (size_t i = 0; others && i < others->n; i++)
		add_word(censor, others->words[i].s, others->words[i].len, others->words[i].base64);
	if (others && others->err)
		censor->err = others->err;
}

/* -- looking for it -- */

/* One of the characters that HTML writes by name. */
static size_t read_entity(const char *s, size_t len, uint32_t *ret)
{
	static const struct {
		const char *name;
		char c;
	} entities[] = { { "&amp;", '&' }, { "&lt;", '<' }, { "&gt;", '>' }, { "&quot;", '"' },
		{ "&apos;", '\'' } };
	size_t i = 2;
	bool hex = len > 3 && s[1] == '#' && (s[2] | 0x20) == 'x';
	uint32_t rune = 0;

	for (size_t e = 0; e < ARRAY_SIZE(entities); e++) {
		size_t n = strlen(entities[e].name);

		if (len >= n && !memcmp(s, entities[e].name, n)) {
			*ret = (unsigned char)entities[e].c;
			return n;
		}
	}
	if (len < 4 || s[1] != '#')
		return 0;
	for (i += hex; i < MIN(len, (size_t)10); i++) {
		int digit = hex_digit(s[i]);

		if (digit < 0 || (!hex && digit > 9))
			break;
		rune = rune * (hex ? 16 : 10) + (unsigned)digit;
	}
	*ret = rune;
	return i < len && s[i] == ';' && i > (hex ? 3u : 2u) ? i + 1 : 0;
}

static size_t read_digits(const char *s, size_t len, size_t from, size_t n, uint32_t *ret)
{
	uint32_t v = 0;

	if (len < from + n)
		return 0;
	for (size_t i = from; i < from + n; i++) {
		if (hex_digit(s[i]) < 0)
			return 0;
		v = v << 4 | (unsigned)hex_digit(s[i]);
	}
	*ret = v;
	return from + n;
}

/* \uXXXX, or two of them: JSON writes what is beyond 16 bits as a pair of surrogates. */
static size_t read_utf16(const char *s, size_t len, uint32_t *ret)
{
	size_t n = read_digits(s, len, 2, 4, ret);
	uint32_t low;

	if (!n || *ret < 0xd800 || *ret > 0xdbff || len < n + 2 || s[n] != '\\' ||
		s[n + 1] != 'u' || !read_digits(s + n, len - n, 2, 4, &low) || low < 0xdc00 ||
		low > 0xdfff)
		return n;
	*ret = 0x10000 + ((*ret - 0xd800) << 10) + (low - 0xdc00);
	return 2 * n;
}

static size_t read_backslash(const char *s, size_t len, uint32_t *ret, bool *ret_rune)
{
	static const char letters[] = "ntr", meant[] = "\n\t\r";
	const char *letter;

	if (len < 2)
		return 0;
	*ret_rune = s[1] == 'u';
	if (s[1] == 'u')
		return read_utf16(s, len, ret);
	if (s[1] == 'x')
		return read_digits(s, len, 2, 2, ret);
	letter = s[1] ? strchr(letters, s[1]) : NULL;
	if (!letter && isalnum((unsigned char)s[1]))
		return 0;
	*ret = (unsigned char)(letter ? meant[letter - letters] : s[1]);
	return 2;
}

/* The bytes that stand for others at s: how many, and 1 to 4 bytes that they mean; 0: they mean themselves. */
static size_t read_escape(const char *s, size_t len, char meant[4], size_t *ret_n)
{
	uint32_t v = 0;
	bool rune = false;
	size_t n = 0;

	if (*s == '%')
		n = read_digits(s, len, 1, 2, &v);
	else if (*s == '\\')
		n = read_backslash(s, len, &v, &rune);
	else if (*s == '&')
		n = read_entity(s, len, &v);
	else if (*s == '+')
		n = 1;
	if (!n)
		return 0;
	if (*s == '+')
		v = ' ';
	rune |= *s == '&';
	meant[0] = (char)v;
	*ret_n = rune ? utf8_put(meant, v) : 1;
	return n;
}

/* How many bytes at s are the word, one way or the other; 0: they are not. */
static size_t match(const char *s, size_t len, const struct censor_word *word, bool escapes_first)
{
	char meant[4];
	size_t at = 0, n, n_meant;

	for (size_t i = 0; i < word->len; i += n_meant, at += n) {
		bool same = at < len && s[at] == word->s[i];

		if (at == len)
			return 0;
		n = same && !escapes_first ? 0 : read_escape(s + at, len - at, meant, &n_meant);
		if (n && n_meant <= word->len - i && !memcmp(meant, word->s + i, n_meant))
			continue;
		if (!same)
			return 0;
		n = n_meant = 1;
	}
	return at;
}

/* How many bytes at s are base64's padding, written so or as %3D. */
static size_t padding(const char *s, size_t len)
{
	char meant[4];
	size_t at = 0, n_meant;

	for (size_t i = 0; i < 2 && at < len; i++) {
		size_t n = read_escape(s + at, len - at, meant, &n_meant);

		if (s[at] == '=')
			n = 1;
		else if (n && meant[0] != '=')
			n = 0;
		at += n;
	}
	return at;
}

static bool touches(const char *s, size_t len, size_t from, size_t to)
{
	return (from && isalnum((unsigned char)s[from - 1])) ||
	       (to < len && isalnum((unsigned char)s[to]));
}

static void mark(const struct censor_word *word, const char *s, size_t len, bool *hidden)
{
	const size_t n_censored = strlen(CENSORED);
	size_t n;

	for (size_t at = 0; at < len; at++) {
		/* What was censored before stays as it is, even where "secret" is the secret. */
		if (s[at] == '<' && len - at >= n_censored &&
			!memcmp(s + at, CENSORED, n_censored)) {
			at += n_censored - 1;
			continue;
		}
		if (s[at] != word->s[0] && !strchr("%\\&+", s[at]))
			continue;
		n = MAX(match(s + at, len - at, word, false), match(s + at, len - at, word, true));
		if (!n || (word->len < CENSOR_MIN_BYTES && touches(s, len, at, at + n)))
			continue;
		if (word->base64)
			n += padding(s + at + n, len - at - n);
		memset(hidden + at, true, n);
		at += n - 1;
	}
}

void censor_text(const struct censor *censor, const char *s, size_t len, struct strbuf *out)
{
	bool *hidden = NULL;

	if (!censor || (!censor->n && !censor->err)) {
		strbuf_add(out, s, len);
		return;
	}
	if (!len)
		return;
	if (!censor->err)
		hidden = calloc(len, sizeof(*hidden));
	/* Rather nothing than a secret. */
	if (!hidden) {
		strbuf_adds(out, CENSORED);
		return;
	}
	for (size_t i = 0; i < censor->n; i++)
		mark(&censor->words[i], s, len, hidden);
	for (size_t i = 0; i < len; i++) {
		if (!hidden[i])
			strbuf_addch(out, s[i]);
		else if (!i || !hidden[i - 1])
			strbuf_adds(out, CENSORED);
	}
	free(hidden);
}

void censor_line(const struct censor *censor, char *line, size_t size)
{
	struct strbuf out = STRBUF_INIT;

	censor_text(censor, line, strlen(line), &out);
	snprintf(line, size, "%s", out.err ? CENSORED : out.s);
	strbuf_release(&out);
}
