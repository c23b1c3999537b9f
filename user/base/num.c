/*
 * num.c - numbers read and printed under the C locale, whatever the process's locale is.
 */
#include "base/num.h"

#include <ctype.h>
#include <errno.h>
#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>

static locale_t c_locale(void)
{
	static locale_t c;

	if (!c)
		c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
	return c;
}

/* What strtod() takes and Go does not: leading blanks, "nan(...)", "-nan", 0x without its exponent. */
static bool plain_number(const char *s, size_t len)
{
	bool sign = len && (*s == '-' || *s == '+'), exponent = false;

	for (size_t i = 0; i < len; i++) {
		if (!isalnum((unsigned char)s[i]) && s[i] != '.' && s[i] != '+' && s[i] != '-')
			return false;
		exponent |= (s[i] | 0x20) == 'p';
	}
	if (len > 2u + sign && s[sign] == '0' && (s[sign + 1] | 0x20) == 'x')
		return exponent;
	return len > 0 && !(sign && len > 1 && (s[1] | 0x20) == 'n');
}

/*
 * Short decimals, which nearly all are: a whole number below 2^53 times or over a power of ten up
 * to 10^22 is exact in both, so one rounding gives the nearest double (Clinger, PLDI 1990). False:
 * strtod() must see it, a malformed number too.
 */
static bool parse_short(const char *s, size_t len, double *ret)
{
	static const double powers[] = { 1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10,
		1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22 };
	const char *end = s + len;
	bool negative = len && *s == '-', point = false, digits = false, minus;
	uint64_t mantissa = 0;
	int exponent = 0, e = 0;
	double v;

	s += negative;
	for (; s < end && (isdigit((unsigned char)*s) || (*s == '.' && !point)); s++) {
		if (*s == '.') {
			point = true;
			continue;
		}
		mantissa = mantissa * 10 + (uint64_t)(*s - '0');
		if (mantissa >= (uint64_t)1 << 53)
			return false;
		exponent -= point;
		digits = true;
	}
	if (!digits)
		return false;
	if (s < end) {
		if ((*s != 'e' && *s != 'E') || end - s < 2 || end - s > 4)
			return false;
		minus = *++s == '-';
		s += *s == '-' || *s == '+';
		if (s == end)
			return false;
		for (; s < end; s++) {
			if (!isdigit((unsigned char)*s))
				return false;
			e = e * 10 + (*s - '0');
		}
		exponent += minus ? -e : e;
	}
	if (FLT_EVAL_METHOD != 0 || exponent < -22 || exponent > 22)
		return false;
	v = (double)mantissa;
	v = exponent < 0 ? v / powers[-exponent] : v * powers[exponent];
	*ret = negative ? -v : v;
	return true;
}

int num_parse(const char *s, size_t len, double *ret)
{
	char buf[128], *end, *copy = buf;
	double v;

	if (parse_short(s, len, ret))
		return 0;
	if (!plain_number(s, len))
		return -EINVAL;
	if (len >= sizeof(buf)) {
		copy = malloc(len + 1);
		if (!copy)
			return -ENOMEM;
	}
	memcpy(copy, s, len);
	copy[len] = '\0';
	v = strtod_l(copy, &end, c_locale());
	len = *end == '\0' && end != copy;
	if (copy != buf)
		free(copy);
	if (!len)
		return -EINVAL;
	/* strtod() keeps a sign on NaN; there is one NaN in Prometheus's text. */
	*ret = isnan(v) ? (double)NAN : v;
	return 0;
}

int num_parse_int(const char *s, int64_t min, int64_t max, int64_t *ret)
{
	char *end;
	long long v;

	if (!isdigit((unsigned char)s[s[0] == '-' || s[0] == '+']))
		return -EINVAL;
	errno = 0;
	v = strtoll(s, &end, 10);
	if (*end)
		return -EINVAL;
	if (errno || v < min || v > max)
		return -ERANGE;
	*ret = v;
	return 0;
}

static bool format_special(char out[NUM_MAX], double v)
{
	if (isnan(v))
		strncpy(out, "NaN", NUM_MAX);
	else if (isinf(v))
		strncpy(out, v > 0 ? "+Inf" : "-Inf", NUM_MAX);
	else
		return false;
	return true;
}

/* "1.2500e+03" becomes "1.25e+03". */
static void drop_zeros(char *e)
{
	char *exponent = strchr(e, 'e'), *end = exponent;

	if (!exponent || !memchr(e, '.', (size_t)(exponent - e)))
		return;
	while (end[-1] == '0')
		end--;
	if (end[-1] == '.')
		end--;
	memmove(end, exponent, strlen(exponent) + 1);
}

/*
 * The shortest "d.ddde±dd" that reads back as v. Fifteen digits survive the way through a double, so
 * where they suffice, the shortest text is theirs without the zeros; seventeen always suffice.
 */
static void shortest_e(char *out, size_t size, double v)
{
	locale_t old = uselocale(c_locale());

	/* Denormal numbers have fewer digits, and are rare enough to try them all. */
	for (int decimals = fabs(v) < DBL_MIN ? 0 : 14; decimals <= 16; decimals++) {
		snprintf(out, size, "%.*e", decimals, v);
		if (strtod_l(out, NULL, c_locale()) == v)
			break;
	}
	drop_zeros(out);
	uselocale(old);
}

/* Spells digits and exponent without an exponent: "-1.25e+03" becomes "-1250". */
static void spell_out(char *out, const char *e)
{
	char digits[24];
	size_t n = 0, len = 0;
	int exponent;
	const char *p = e;

	if (*p == '-')
		out[len++] = *p++;
	for (; *p && *p != 'e'; p++) {
		if (*p != '.' && n < sizeof(digits))
			digits[n++] = *p;
	}
	exponent = *p ? (int)strtol(p + 1, NULL, 10) : 0;
	if (exponent < 0) {
		out[len++] = '0';
		out[len++] = '.';
		for (int i = -1; i > exponent; i--)
			out[len++] = '0';
	}
	for (size_t i = 0; i < n || (int)i <= exponent; i++) {
		if (exponent >= 0 && (int)i == exponent + 1)
			out[len++] = '.';
		out[len++] = i < n ? digits[i] : '0';
	}
	out[len] = '\0';
}

/*
 * Whole numbers of up to fifteen digits, which nearly all that are not measured are: their digits are the
 * shortest text, since each is a double of its own. False: another number.
 */
static bool whole_e(char *out, double v)
{
	char digits[24] = { 0 };
	size_t n = 0, exponent;
	uint64_t whole;

	if (!(fabs(v) < 1e15) || v != trunc(v) || (v == 0 && signbit(v)))
		return false;
	for (whole = (uint64_t)fabs(v); whole || !n; whole /= 10)
		digits[n++] = (char)('0' + whole % 10);
	exponent = n - 1;
	if (v < 0)
		*out++ = '-';
	*out++ = digits[--n];
	/* They stand from last to first: zeros at the end say nothing. */
	for (size_t zeros = strspn(digits, "0"); n > zeros;) {
		if (n == exponent)
			*out++ = '.';
		*out++ = digits[--n];
	}
	memcpy(out, "e+", 2);
	out[2] = (char)('0' + exponent / 10);
	out[3] = (char)('0' + exponent % 10);
	out[4] = '\0';
	return true;
}

#ifdef __SIZEOF_INT128__
__extension__ typedef unsigned __int128 wide;
#else
typedef uint64_t wide;
#endif

/* "d.ddde±dd" of n digits, of which zeros at the end say nothing; the exponent is the first one's. */
static void write_e(char *out, const char *digits, size_t n, int exponent)
{
	while (n > 1 && digits[n - 1] == '0')
		n--;
	*out++ = digits[0];
	if (n > 1) {
		*out++ = '.';
		memcpy(out, digits + 1, n - 1);
		out += n - 1;
	}
	*out++ = 'e';
	*out++ = exponent < 0 ? '-' : '+';
	exponent = abs(exponent);
	*out++ = (char)('0' + exponent / 10);
	*out++ = (char)('0' + exponent % 10);
	*out = '\0';
}

/*
 * The digits behind the point, up to the first that tells the number from its neighbours: what is left of
 * it then lies nearer than half way to the next double, `down` below and `up` above (Steele and White,
 * PLDI 1990). All are in units of 2^-bits. *exponent falls with each zero that leads.
 */
static size_t fraction_digits(
	char *digits, size_t n, wide rest, int bits, unsigned down_units, bool even, int *exponent)
{
	wide one = (wide)1 << bits, down = down_units, up = 2;
	bool low, high;
	unsigned d;

	do {
		rest *= 10;
		down *= 10;
		up *= 10;
		d = (unsigned)(rest >> bits);
		rest &= one - 1;
		/* Half way goes to the even one. */
		low = even ? rest <= down : rest < down;
		high = even ? rest + up >= one : rest + up > one;
		if (high && (!low || 2 * rest > one || (2 * rest == one && d % 2)))
			d++;
		if (n || d)
			digits[n++] = (char)('0' + d);
		else
			--*exponent;
	} while (!low && !high);
	return n;
}

/* Numbers between 2^-70 and 2^53. False: another one. */
static bool fraction_e(char *out, double v)
{
	uint64_t bits, mantissa, whole;
	char digits[24], *first = digits + 18;
	int below, exponent = -1;
	size_t n = 0;
	wide rest;

	memcpy(&bits, &v, sizeof(bits));
	below = 1075 - (int)(bits >> 52 & 0x7ff);
	mantissa = (bits & ((1ull << 52) - 1)) | 1ull << 52;
	/* Ten times what is left, with two bits more for the half ways, must have room. */
	if (below < 1 || below > (int)sizeof(wide) * 8 - 6)
		return false;
	whole = below < 64 ? mantissa >> below : 0;
	rest = (wide)mantissa << 2 & (((wide)1 << (below + 2)) - 1);
	for (; whole; whole /= 10) {
		*--first = (char)('0' + whole % 10);
		n++;
	}
	memmove(digits, first, n);
	exponent += (int)n;
	if (rest)
		n = fraction_digits(digits, n, rest, below + 2, mantissa == 1ull << 52 ? 1 : 2,
			!(mantissa & 1), &exponent);
	if (v < 0)
		*out++ = '-';
	write_e(out, digits, n, exponent);
	return true;
}

/* "d.ddde±dd", the shortest that reads back as v. */
static void format_e(char out[NUM_MAX], double v)
{
	if (!whole_e(out, v) && !fraction_e(out, v))
		shortest_e(out, NUM_MAX, v);
}

static void format_between(char out[NUM_MAX], double v, double low, double high)
{
	char e[NUM_MAX];

	if (format_special(out, v))
		return;
	format_e(e, v);
	if (v == 0 || (fabs(v) >= low && fabs(v) < high))
		spell_out(out, e);
	else
		memcpy(out, e, sizeof(e));
}

void num_format(char out[NUM_MAX], double v)
{
	format_between(out, v, 1e-6, 1e21);
}

void num_format_go(char out[NUM_MAX], double v)
{
	format_between(out, v, 1e-4, 1e6);
}

void num_format_e(char out[NUM_MAX], double v)
{
	if (!format_special(out, v))
		format_e(out, v);
}

void num_format_decimal(struct strbuf *sb, double v)
{
	/* A sign, "0." and the 323 zeros and 17 digits of the smallest number. */
	char e[NUM_MAX], out[360];

	if (!format_special(out, v)) {
		format_e(e, v);
		spell_out(out, e);
	}
	strbuf_adds(sb, out);
}

static void format_with(struct strbuf *sb, char verb, int digits, double v)
{
	locale_t old = uselocale(c_locale());
	char special[NUM_MAX];

	if (format_special(special, v))
		strbuf_adds(sb, special);
	else if (verb == 'f')
		strbuf_addf(sb, "%.*f", digits, v);
	else if (verb == 'e')
		strbuf_addf(sb, "%.*e", digits, v);
	else
		strbuf_addf(sb, "%.*g", digits, v);
	uselocale(old);
}

void num_format_fixed(struct strbuf *sb, double v, int decimals)
{
	format_with(sb, 'f', decimals, v);
}

void num_format_exponent(struct strbuf *sb, double v, int decimals)
{
	format_with(sb, 'e', decimals, v);
}

void num_format_general(struct strbuf *sb, double v, int digits)
{
	format_with(sb, 'g', digits, v);
}
