/*
 * printf.c - Go's fmt.Sprintf for the values that templates have. Source: the fmt package's
 * documentation; what is wrong with a format shows in the text, as %!verb(type=value).
 */
#include "template/node.h"

#include <ctype.h>
#include <errno.h>
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include "base/escape.h"
#include "base/num.h"

#define MAX_WIDTH   10000
#define MAX_NESTING 20

struct directive {
	bool minus, plus, sharp, space, zero;
	bool quotes;	      /* %#v */
	int width, precision; /* -1: not given */
	char verb;
};

/* Characters, not bytes: Go pads by runes. */
static size_t runes(const char *s, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += ((unsigned char)s[i] & 0xc0) != 0x80;
	return n;
}

/* Zeros stand behind a number's sign. */
static void pad(
	struct strbuf *out, const struct directive *d, const struct strbuf *text, bool number)
{
	size_t n = runes(text->s, text->len), sign = 0;
	int missing = d->width > (int)n ? d->width - (int)n : 0;

	if (d->minus || !missing) {
		strbuf_add(out, text->s, text->len);
		for (int i = 0; i < missing; i++)
			strbuf_addch(out, ' ');
		return;
	}
	if (d->zero && number && (text->s[0] == '-' || text->s[0] == '+' || text->s[0] == ' ')) {
		strbuf_addch(out, text->s[0]);
		sign = 1;
	}
	for (int i = 0; i < missing; i++)
		strbuf_addch(out, d->zero ? '0' : ' ');
	strbuf_add(out, text->s + sign, text->len - sign);
}

static void add_sign(struct strbuf *text, const struct directive *d, bool negative)
{
	if (negative)
		strbuf_addch(text, '-');
	else if (d->plus)
		strbuf_addch(text, '+');
	else if (d->space)
		strbuf_addch(text, ' ');
}

/* A precision is the least number of digits. */
static void add_base(
	struct strbuf *text, const struct directive *d, uint64_t v, unsigned base, bool upper)
{
	const char *digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
	char buf[65];
	size_t at = sizeof(buf);

	do {
		buf[--at] = digits[v % base];
		v /= base;
	} while (v);
	for (int n = (int)(sizeof(buf) - at); n < d->precision; n++)
		strbuf_addch(text, '0');
	strbuf_add(text, buf + at, sizeof(buf) - at);
}

/* 'x' in single quotes, which then are what needs an escape. */
static void add_quoted_rune(struct strbuf *text, uint32_t rune)
{
	struct strbuf plain = STRBUF_INIT;

	utf8_encode(&plain, rune);
	strbuf_addch(text, '\'');
	if (rune == '\'')
		strbuf_addch(text, '\\');
	if (rune == '"')
		strbuf_addch(text, '"');
	else
		escape_quoted(text, plain.s, plain.len);
	strbuf_addch(text, '\'');
	strbuf_release(&plain);
}

/* Zeros to its width are digits of an integer; what had a precision has no more of them. */
static void spread_zeros(struct directive *d, bool negative)
{
	if (d->precision < 0 && d->zero && !d->minus && d->width > 0)
		d->precision = d->width - (negative || d->plus || d->space);
	d->zero = false;
}

static bool format_int(struct strbuf *text, struct directive *d, int64_t v)
{
	uint64_t magnitude = v < 0 ? -(uint64_t)v : (uint64_t)v;
	struct strbuf octal = STRBUF_INIT;

	if (strchr("vdboOxX", d->verb)) {
		spread_zeros(d, v < 0);
		if (!v && !d->precision)
			return true;
	}
	switch (d->verb) {
	case 'v':
	case 'd':
		add_sign(text, d, v < 0);
		add_base(text, d, magnitude, 10, false);
		return true;
	case 'b':
		add_sign(text, d, v < 0);
		strbuf_adds(text, d->sharp ? "0b" : "");
		add_base(text, d, magnitude, 2, false);
		return true;
	case 'o':
	case 'O':
		add_sign(text, d, v < 0);
		strbuf_adds(text, d->verb == 'O' ? "0o" : "");
		add_base(&octal, d, magnitude, 8, false);
		/* # sees to a zero in front; one that is there will do. */
		strbuf_adds(text, d->sharp && *octal.s != '0' ? "0" : "");
		strbuf_add(text, octal.s, octal.len);
		strbuf_release(&octal);
		return true;
	case 'x':
	case 'X':
		add_sign(text, d, v < 0);
		if (d->sharp)
			strbuf_adds(text, d->verb == 'x' ? "0x" : "0X");
		add_base(text, d, magnitude, 16, d->verb == 'X');
		return true;
	case 'c':
		utf8_encode(text, v < 0 || v > 0x10ffff ? 0xfffd : (uint32_t)v);
		return true;
	case 'q':
		add_quoted_rune(text, v < 0 || v > 0x10ffff ? 0xfffd : (uint32_t)v);
		return true;
	case 'U':
		d->zero = false;
		d->precision = MAX(d->precision, 4);
		strbuf_adds(text, "U+");
		add_base(text, d, (uint64_t)v, 16, true);
		if (d->sharp && v >= ' ' && v <= 0x10ffff && !(v >= 0x7f && v <= 0xa0)) {
			strbuf_adds(text, " '");
			utf8_encode(text, (uint32_t)v);
			strbuf_addch(text, '\'');
		}
		return true;
	}
	return false;
}

/* 0x1.8p+01, as strconv's 'x' writes it; a precision counts digits behind the point. */
static void add_hex_float(struct strbuf *text, double v, int precision)
{
	/* 0 to 13 digits stand in a double; the first is its integer, 0 or 1. */
	int exponent = 0, digits = precision < 0 || precision > 13 ? 13 : precision, unused;
	uint64_t mantissa = (uint64_t)ldexp(frexp(v, &exponent), 53), half, rest;

	exponent -= mantissa != 0;
	unused = 4 * (13 - digits);
	half = unused ? 1ull << (unused - 1) : 0;
	rest = mantissa & ((half << 1) - (unused != 0));
	mantissa >>= unused;
	mantissa += rest > half || (rest && rest == half && mantissa & 1);
	if (mantissa >> (4 * digits + 1)) {
		mantissa >>= 1;
		exponent++;
	}
	for (; precision < 0 && digits && !(mantissa & 15); digits--)
		mantissa >>= 4;
	strbuf_addf(text, "0x%" PRIu64, mantissa >> (4 * digits));
	if (digits)
		strbuf_addf(text, ".%0*" PRIx64, digits,
			mantissa & (((uint64_t)1 << (4 * digits)) - 1));
	for (; precision > digits; digits++)
		strbuf_addch(text, digits ? '0' : '.');
	strbuf_addf(text, "p%c%02d", exponent < 0 ? '-' : '+', abs(exponent));
}

/* The mantissa as a whole number, as strconv's 'b' writes it. */
static void add_binary_float(struct strbuf *text, double v)
{
	int exponent, least = DBL_MIN_EXP - DBL_MANT_DIG;

	frexp(v, &exponent);
	exponent = v == 0 || exponent - DBL_MANT_DIG < least ? least : exponent - DBL_MANT_DIG;
	strbuf_addf(text, "%" PRIu64 "p%+d", (uint64_t)ldexp(v, -exponent), exponent);
}

/* What # does to a number that begins at `begin`: a point, and digits up to the precision. */
static void show_point(struct strbuf *text, const struct directive *d, size_t begin)
{
	int digits = strchr("vgGx", d->verb) ? (d->precision < 0 ? 6 : d->precision) : 0;
	const char *ends = strchr("xX", d->verb) ? "pP" : "eE";
	struct strbuf tail = STRBUF_INIT;
	bool significant = false, point = false;
	size_t end = begin + strcspn(text->s + begin, ends);

	strbuf_adds(&tail, text->s + end);
	strbuf_truncate(text, end);
	for (size_t i = begin; i < end; i++) {
		point |= text->s[i] == '.';
		significant |= text->s[i] != '0' && text->s[i] != '.';
		digits -= significant && text->s[i] != '.';
	}
	if (!point) {
		/* A zero alone is a digit. */
		digits -= end == begin + 1 && text->s[begin] == '0';
		strbuf_addch(text, '.');
	}
	for (; digits > 0; digits--)
		strbuf_addch(text, '0');
	strbuf_add(text, tail.s, tail.len);
	strbuf_release(&tail);
}

static bool format_float(struct strbuf *text, struct directive *d, double v)
{
	char shortest[NUM_MAX];
	size_t begin;

	if (!strchr("vgGfFeExXb", d->verb))
		return false;
	d->zero = d->zero && isfinite(v);
	add_sign(text, d, signbit(v) && !isnan(v));
	if (isinf(v)) {
		/* Go writes the sign of an infinity always, or a blank for it. */
		strbuf_adds(text, v > 0 && !d->plus && !d->space ? "+Inf" : "Inf");
		return true;
	}
	begin = text->len;
	v = fabs(v);
	if (d->verb == 'f' || d->verb == 'F') {
		num_format_fixed(text, v, d->precision < 0 ? 6 : d->precision);
	} else if (d->verb == 'e' || d->verb == 'E') {
		num_format_exponent(text, v, d->precision < 0 ? 6 : d->precision);
	} else if (isfinite(v) && (d->verb == 'x' || d->verb == 'X')) {
		add_hex_float(text, v, d->precision);
	} else if (isfinite(v) && d->verb == 'b') {
		add_binary_float(text, v);
	} else if (d->precision >= 0) {
		num_format_general(text, v, d->precision);
	} else {
		num_format_go(shortest, v);
		strbuf_adds(text, shortest);
	}
	if (d->sharp && isfinite(v) && d->verb != 'b' && !text->err)
		show_point(text, d, begin);
	for (size_t i = begin; i < text->len && !isnan(v) && strchr("EGX", d->verb); i++)
		text->s[i] = (char)toupper((unsigned char)text->s[i]);
	return true;
}

/* Byte by byte: with a space one by one, with # each such part begins as a number does. */
static void add_hex(struct strbuf *text, const struct directive *d, const char *s, size_t len)
{
	bool upper = d->verb == 'X';

	if (d->precision >= 0)
		len = MIN(len, (size_t)d->precision);
	for (size_t i = 0; i < len; i++) {
		if (i && d->space)
			strbuf_addch(text, ' ');
		if (d->sharp && (!i || d->space))
			strbuf_adds(text, upper ? "0X" : "0x");
		strbuf_addf(text, upper ? "%02X" : "%02x", (unsigned char)s[i]);
	}
}

/* Go's strconv.CanBackquote, but for what stands for a broken byte. */
static bool can_stand_in_backquotes(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)s[i];

		if (c == '`' || c == 0x7f || (c < ' ' && c != '\t'))
			return false;
	}
	return utf8_valid(s, len);
}

static void add_ascii(struct strbuf *text, const char *s, size_t len)
{
	uint32_t rune;

	for (size_t i = 0; i < len; i += MAX(utf8_decode(s + i, len - i, &rune), (size_t)1)) {
		if ((unsigned char)s[i] < 0x80)
			strbuf_addch(text, s[i]);
		else if (utf8_decode(s + i, len - i, &rune))
			strbuf_addf(text, rune < 0x10000 ? "\\u%04" PRIx32 : "\\U%08" PRIx32, rune);
	}
}

static void add_quoted(struct strbuf *text, const struct directive *d, const char *s, size_t len)
{
	bool raw = d->sharp && can_stand_in_backquotes(s, len);
	struct strbuf quoted = STRBUF_INIT;

	strbuf_addch(text, raw ? '`' : '"');
	if (raw) {
		strbuf_add(text, s, len);
	} else if (d->plus) {
		escape_quoted(&quoted, s, len);
		add_ascii(text, quoted.s, quoted.len);
		text->err = quoted.err ? quoted.err : text->err;
	} else {
		escape_quoted(text, s, len);
	}
	strbuf_addch(text, raw ? '`' : '"');
	strbuf_release(&quoted);
}

static bool format_text(struct strbuf *text, const struct directive *d, const char *s, size_t len)
{
	size_t shown = len;

	/* A precision counts runes. */
	if (d->precision >= 0) {
		size_t n = 0;

		for (shown = 0; shown < len; shown++) {
			if (((unsigned char)s[shown] & 0xc0) != 0x80 && n++ == (size_t)d->precision)
				break;
		}
	}
	switch (d->verb) {
	case 'v':
	case 's':
		if (d->quotes)
			add_quoted(text, d, s, shown);
		else
			strbuf_add(text, s, shown);
		return true;
	case 'q':
		add_quoted(text, d, s, shown);
		return true;
	case 'x':
	case 'X':
		add_hex(text, d, s, len);
		return true;
	}
	return false;
}

/* True: by its verb; false: Go has no such verb for it. */
static bool format_plain(struct strbuf *text, struct directive *d, const struct tvalue *v)
{
	struct strbuf plain = STRBUF_INIT;
	bool good;

	switch (v->type) {
	case TVALUE_INT:
		return format_int(text, d, v->i);
	case TVALUE_FLOAT:
		return format_float(text, d, v->f);
	case TVALUE_STRING:
	case TVALUE_SAFE:
	case TVALUE_SAFE_URL:
		return format_text(text, d, v->str.s, v->str.len);
	case TVALUE_BOOL:
		if (d->verb != 'v' && d->verb != 't')
			return false;
		strbuf_adds(text, v->b ? "true" : "false");
		return true;
	case TVALUE_NIL:
	case TVALUE_NO_VALUE:
		strbuf_adds(text, d->verb == 'v' ? "<nil>" : "");
		return d->verb == 'v';
	default:
		/* Objects print as %v does; what has a String method takes %s too. */
		tvalue_print(v, &plain);
		good = format_text(text, d, plain.s, plain.len);
		strbuf_release(&plain);
		return good;
	}
}

static bool is_nil(const struct tvalue *v)
{
	return v->type == TVALUE_NIL || v->type == TVALUE_NO_VALUE;
}

static void format_one(
	struct strbuf *out, const struct directive *d, const struct tvalue *v, unsigned depth);

/* The value stands there as %v with the same flags writes it. */
static void add_mismatch(
	struct strbuf *out, const struct directive *d, const struct tvalue *v, unsigned depth)
{
	struct directive plain = *d;

	plain.verb = 'v';
	strbuf_addf(out, "%%!%c(", d->verb);
	if (is_nil(v)) {
		strbuf_adds(out, "<nil>");
	} else {
		strbuf_addf(out, "%s=", tvalue_type_name(v));
		format_one(out, &plain, v, depth);
	}
	strbuf_addch(out, ')');
}

/* What has a method String is asked by it, wherever a text would do. */
static bool prints_itself(const struct tvalue *v)
{
	if (v->type == TVALUE_LIST)
		return v->list.class && v->list.class->stringer;
	return v->type == TVALUE_MAP && v->map.class && v->map.class->stringer;
}

/* Each element by the verb, as Go does. */
static void format_elements(
	struct strbuf *out, const struct directive *d, const struct tvalue *v, unsigned depth)
{
	bool list = v->type == TVALUE_LIST, fields = !list && v->map.struct_type;
	size_t n = list ? v->list.n : v->map.n;

	strbuf_adds(out, list ? "[" : fields ? "{" : "map[");
	for (size_t i = 0; i < n; i++) {
		const struct tvalue key =
			list ? tvalue_int(0)
			     : tvalue_string(v->map.pairs[i].key, strlen(v->map.pairs[i].key));

		if (i)
			strbuf_addch(out, ' ');
		if (!list && !fields) {
			format_one(out, d, &key, depth);
			strbuf_addch(out, ':');
		}
		format_one(out, d, list ? &v->list.items[i] : v->map.pairs[i].value, depth);
	}
	strbuf_addch(out, list ? ']' : fields ? '}' : ']');
}

static void format_one(
	struct strbuf *out, const struct directive *d, const struct tvalue *v, unsigned depth)
{
	bool number = v->type == TVALUE_INT || v->type == TVALUE_FLOAT;
	struct strbuf text = STRBUF_INIT, plain = STRBUF_INIT;
	struct directive own = *d;

	if (d->verb == 'T') {
		own.verb = 's';
		strbuf_adds(&plain, is_nil(v) ? "<nil>" : tvalue_type_name(v));
		format_text(&text, &own, plain.s, plain.len);
		pad(out, d, &text, false);
	} else if (prints_itself(v) && strchr("vsxXq", d->verb)) {
		tvalue_print(v, &plain);
		format_text(&text, d, plain.s, plain.len);
		pad(out, d, &text, false);
	} else if ((v->type == TVALUE_LIST || v->type == TVALUE_MAP) && depth < MAX_NESTING) {
		format_elements(out, d, v, depth + 1);
	} else if (format_plain(&text, &own, v)) {
		pad(out, &own, &text, number);
	} else {
		add_mismatch(out, d, v, depth);
	}
	strbuf_release(&plain);
	strbuf_release(&text);
}

struct arguments {
	const struct tvalue *items;
	size_t n, at;
	bool reordered, bad_index;
	bool bad_width, bad_precision; /* a * without its number */
};

/* [2]: the second argument is next. */
static void read_index(const char **p, const char *end, struct arguments *args)
{
	int64_t i = 0;

	if (*p >= end || **p != '[')
		return;
	for ((*p)++; *p < end && isdigit((unsigned char)**p) && i < MAX_WIDTH; (*p)++)
		i = i * 10 + (**p - '0');
	args->reordered = true;
	args->bad_index = i < 1 || (size_t)i > args->n || *p >= end || **p != ']';
	if (*p < end && **p == ']')
		(*p)++;
	if (!args->bad_index)
		args->at = (size_t)i - 1;
}

static int read_number(const char **p, const char *end, struct arguments *args, int *ret)
{
	int64_t v = 0;

	if (*p < end && **p == '*') {
		(*p)++;
		if (args->at >= args->n)
			return -1;
		/* What is no number is used up all the same. */
		if (args->items[args->at++].type != TVALUE_INT)
			return -1;
		v = args->items[args->at - 1].i;
	} else if (*p < end && isdigit((unsigned char)**p)) {
		for (; *p < end && isdigit((unsigned char)**p) && v < MAX_WIDTH; (*p)++)
			v = v * 10 + (**p - '0');
	} else {
		return 0;
	}
	if (v < -MAX_WIDTH || v > MAX_WIDTH)
		return -1;
	*ret = (int)v;
	return 1;
}

/* From behind the % to the verb. */
static const char *read_directive(
	const char *p, const char *end, struct arguments *args, struct directive *d)
{
	*d = (struct directive){ .width = -1, .precision = -1 };
	for (; p < end; p++) {
		if (*p == '-')
			d->minus = true;
		else if (*p == '+')
			d->plus = true;
		else if (*p == '#')
			d->sharp = true;
		else if (*p == ' ')
			d->space = true;
		else if (*p == '0')
			d->zero = true;
		else
			break;
	}
	args->bad_index = args->bad_width = args->bad_precision = false;
	read_index(&p, end, args);
	args->bad_width = read_number(&p, end, args, &d->width) < 0;
	if (d->width < -1) {
		d->minus = true;
		d->width = -d->width;
	}
	if (p < end && *p == '.') {
		p++;
		d->precision = 0;
		read_index(&p, end, args);
		args->bad_precision = read_number(&p, end, args, &d->precision) < 0;
		/* One below zero is none, and a fault. */
		if (d->precision < 0) {
			args->bad_precision = true;
			d->precision = -1;
		}
	}
	read_index(&p, end, args);
	return p;
}

static void format(struct strbuf *out, const char *p, const char *end, struct arguments *args)
{
	struct directive d;

	while (p < end) {
		if (*p != '%') {
			strbuf_addch(out, *p++);
			continue;
		}
		p = read_directive(p + 1, end, args, &d);
		if (args->bad_width)
			strbuf_adds(out, "%!(BADWIDTH)");
		if (args->bad_precision)
			strbuf_adds(out, "%!(BADPREC)");
		if (p >= end) {
			strbuf_adds(out, "%!(NOVERB)");
			break;
		}
		d.verb = *p++;
		/* %+v and %#v are other forms, which differ for texts alone among what templates have. */
		if (d.verb == 'v')
			d.quotes = d.sharp;
		if (d.verb == 'v')
			d.sharp = d.plus = false;
		if (d.verb == '%') {
			strbuf_addch(out, '%');
			continue;
		}
		if (args->bad_index)
			strbuf_addf(out, "%%!%c(BADINDEX)", d.verb);
		else if (args->at >= args->n)
			strbuf_addf(out, "%%!%c(MISSING)", d.verb);
		else
			format_one(out, &d, &args->items[args->at++], 0);
	}
}

int template_printf(
	struct template_call *call, const struct tvalue *args, size_t n, struct tvalue *ret)
{
	struct arguments rest = { .items = args + 1, .n = n - 1 };
	struct strbuf out = STRBUF_INIT;
	char *copy;

	if (!tvalue_is_text(&args[0]))
		return template_call_fail(call, "wrong type for value; expected string; got %s",
			tvalue_type_name(&args[0]));
	format(&out, args[0].str.s, args[0].str.s + args[0].str.len, &rest);
	if (rest.at < rest.n && !rest.reordered) {
		strbuf_adds(&out, "%!(EXTRA ");
		for (size_t i = rest.at; i < rest.n; i++) {
			strbuf_addf(&out, "%s%s=", i > rest.at ? ", " : "",
				tvalue_type_name(&rest.items[i]));
			tvalue_print(&rest.items[i], &out);
		}
		strbuf_addch(&out, ')');
	}
	copy = out.err ? NULL : arena_memdup(call->arena, out.s, out.len + 1);
	if (copy)
		*ret = tvalue_string(copy, out.len);
	strbuf_release(&out);
	return copy ? 0 : -ENOMEM;
}
