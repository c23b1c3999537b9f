/*
 * num.h - numbers read and printed, the same under every locale.
 *
 * The only place that calls strtod() or prints a floating-point number.
 */
#ifndef TOLLD_BASE_NUM_H
#define TOLLD_BASE_NUM_H

#include "base/strbuf.h"

/* Longest text that num_format() and num_format_go() write, with its NUL. */
#define NUM_MAX 40

/*
 * Reads all of s[0..len) as a floating-point number: decimal with exponent, 0x hexadecimal with p, Inf,
 * +Inf, -Inf, infinity, NaN (any case). White space, underscores and an empty text are errors.
 * Returns 0 or -EINVAL. A value too large becomes an infinity, as strconv.ParseFloat's value does.
 */
int num_parse(const char *s, size_t len, double *ret);

/*
 * Reads all of s as a decimal whole number with an optional sign. -EINVAL, or -ERANGE outside
 * [min, max].
 */
int num_parse_int(const char *s, int64_t min, int64_t max, int64_t *ret);

/*
 * The shortest text that reads back as the same value. num_format() writes the way Prometheus
 * writes sample values in its JSON (no exponent between 1e-6 and 1e21); num_format_go() the way
 * Go's %v and strconv 'g' with precision -1 write it (exponent below 1e-4 and from 1e6 on);
 * num_format_e() the way Prometheus writes an alert's value (1e+00). NaN, +Inf, -Inf in all.
 */
void num_format(char out[NUM_MAX], double v);
void num_format_go(char out[NUM_MAX], double v);
void num_format_e(char out[NUM_MAX], double v);
/* The shortest text without an exponent, as Go's 'f' with precision -1: 1e300 has 301 digits. */
void num_format_decimal(struct strbuf *sb, double v);
/* `%.*f`, `%.*e` and `%.*g` under the C locale. */
void num_format_fixed(struct strbuf *sb, double v, int decimals);
void num_format_exponent(struct strbuf *sb, double v, int decimals);
void num_format_general(struct strbuf *sb, double v, int digits);

#endif
