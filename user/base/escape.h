/*
 * escape.h - hostile text made harmless at each place where it is shown.
 *
 * Names of processes, label values and a mail server's words come from strangers. What is stored
 * stays as it came; each sink escapes for itself, with the function named after it. Broken UTF-8
 * becomes U+FFFD everywhere.
 */
#ifndef TOLLD_BASE_ESCAPE_H
#define TOLLD_BASE_ESCAPE_H

#include "base/strbuf.h"

/*
 * The length of the valid UTF-8 sequence at s (1 to 4), or 0 where there is none; *ret_rune, where
 * not NULL, gets its code point. Surrogates and overlong forms are not valid.
 */
size_t utf8_decode(const char *s, size_t len, uint32_t *ret_rune);
bool utf8_valid(const char *s, size_t len);
void utf8_encode(struct strbuf *out, uint32_t rune);
/* The same into a buffer of the caller's: how many bytes it took, 1 to 4. No NUL follows. */
size_t utf8_put(char to[4], uint32_t rune);

/* One line of a terminal or a log: control characters as \n, \t, \x1b. */
void escape_terminal(struct strbuf *out, const char *s, size_t len);
/* Whether escape_terminal() leaves it as it is. */
bool escape_is_harmless(const char *s, size_t len);
/* Between double quotes, the way Go's %q writes it: also what PromQL and logfmt take. */
void escape_quoted(struct strbuf *out, const char *s, size_t len);
/* A label value in the text exposition format: \\ \" \n. */
void escape_label_value(struct strbuf *out, const char *s, size_t len);
/* HTML text and attribute values in quotes. */
void escape_html(struct strbuf *out, const char *s, size_t len);
/* A JSON string's inside; also <, > and & as \u003c, as Go's encoder does. */
void escape_json(struct strbuf *out, const char *s, size_t len);
/* The same with its quotes. */
void escape_json_string(struct strbuf *out, const char *s, size_t len);
/* A URL's query value: RFC 3986 unreserved stays, a space is '+', all else is percent-encoded. */
void escape_query(struct strbuf *out, const char *s, size_t len);

#endif
