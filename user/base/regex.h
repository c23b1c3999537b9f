/*
 * regex.h - regular expressions with RE2's meaning, as Prometheus and Alertmanager use them.
 *
 * Anchored at both ends, '.' matches a newline. What RE2 does not know (back references,
 * look-around, possessive and atomic groups, recursion) is refused, so that a file that loads here
 * loads there. PCRE2 is given a match limit: an expression that explodes is "no match" and counted.
 */
#ifndef TOLLD_BASE_REGEX_H
#define TOLLD_BASE_REGEX_H

#include "base/strbuf.h"

struct regex;

#define REGEX_MAX_PATTERN ((size_t)64 << 10)

/* On -EINVAL, error[] says what is wrong, without the pattern. */
int regex_new(const char *pattern, struct regex **ret, char *error, size_t error_size);
/* The same without the anchors: it matches anywhere in a text, as Go's regexp package does. */
int regex_new_search(const char *pattern, struct regex **ret, char *error, size_t error_size);
void regex_free(struct regex *regex);
DEFINE_FREEP(regex)

bool regex_matches(const struct regex *regex, const char *text, size_t len);

/*
 * Where all of `text` matches: adds `replacement` to out with $1, ${1}, ${name} and $$ expanded as
 * Go's Regexp.Expand does, and returns true.
 */
bool regex_expand(const struct regex *regex, const char *text, size_t len, const char *replacement,
	struct strbuf *out);

/* Adds `text` to out with every match replaced, as Go's Regexp.ReplaceAllString does. */
void regex_replace_all(const struct regex *regex, const char *text, size_t len,
	const char *replacement, struct strbuf *out);

/* Matches given up because of the limit, in this process. */
uint64_t regex_limit_hits(void);

#endif
