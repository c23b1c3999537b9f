/*
 * literal.h - strings, runes and numbers, read and written the way Go does it.
 */
#ifndef TOLLD_PROMQL_LITERAL_H
#define TOLLD_PROMQL_LITERAL_H

#include "base/strbuf.h"

enum literal_fault {
	LITERAL_OK,
	LITERAL_UNTERMINATED,
	LITERAL_UNTERMINATED_RAW,
	LITERAL_UTF8,
	LITERAL_ESCAPE, /* no such escape; the place is that of the character behind the '\' */
	LITERAL_ESCAPE_DIGIT, /* not a digit there */
	LITERAL_ESCAPE_END,
	LITERAL_ESCAPE_RANGE,
};

/*
 * Finds the end of the string in "", '' or `` that begins at s. *ret_len counts its quotes; on a
 * fault *ret_at is its place, counted from s: 0 for a string that does not end.
 */
enum literal_fault literal_scan_string(const char *s, size_t len, size_t *ret_len, size_t *ret_at);
const char *literal_fault_text(enum literal_fault fault);
/* Adds what a string that literal_scan_string() took means. */
void literal_unquote(struct strbuf *out, const char *s, size_t len);

/* As strconv.Quote: double quotes, and bytes that are no UTF-8 as \xff. Reads back as the same. */
void literal_quote(struct strbuf *out, const char *s, size_t len);
/* The first character of s as Go's %q ('~') and as its %#U (U+0063 'c'). */
void literal_quote_rune(struct strbuf *out, const char *s, size_t len);
void literal_name_rune(struct strbuf *out, const char *s, size_t len);

/*
 * A number as PromQL writes it: decimal, 0x, a leading 0 for octal, exponents, underscores between
 * digits, Inf, NaN. -EINVAL for others; -ERANGE for what no double is large enough for.
 */
int literal_number(const char *s, size_t len, double *ret);

#endif
