/*
 * functions_common.c - functions that Prometheus's rules and Alertmanager's mails both have.
 */
#include "template/functions_common.h"

#include <ctype.h>
#include <errno.h>
#include <locale.h>
#include <wctype.h>
#include "base/escape.h"
#include "base/num.h"
#include "base/regex.h"
#include "model/duration.h"
#include "template/humanize.h"

int template_give_text(struct template_call *call, struct strbuf *text, struct tvalue *ret)
{
	char *copy = text->err ? NULL : arena_memdup(call->arena, text->s, text->len + 1);

	if (copy)
		*ret = tvalue_string(copy, text->len);
	strbuf_release(text);
	return copy ? 0 : -ENOMEM;
}

int template_want_text(struct template_call *call, const struct tvalue *v)
{
	return tvalue_is_text(v) ? 0 : template_call_fail(call, "expected a string");
}

/* Numbers as they are, text that reads as one. */
int template_want_number(struct template_call *call, const struct tvalue *v, double *ret)
{
	int64_t ms;

	if (v->type == TVALUE_INT) {
		*ret = (double)v->i;
		return 0;
	}
	if (v->type == TVALUE_FLOAT) {
		*ret = v->f;
		return 0;
	}
	if (tvalue_is_text(v) && !num_parse(v->str.s, v->str.len, ret))
		return 0;
	if (tvalue_is_text(v) && !duration_parse(v->str.s, v->str.len, &ms)) {
		*ret = (double)ms / 1000;
		return 0;
	}
	if (tvalue_is_text(v))
		return template_call_fail(
			call, "strconv.ParseFloat: parsing \"%s\": invalid syntax", v->str.s);
	return template_call_fail(call, "can't convert to a number");
}

int template_re_replace_all(
	struct template_call *call, const struct tvalue *args, size_t n, struct tvalue *ret)
{
	struct strbuf out = STRBUF_INIT;
	struct regex *regex;
	char error[160];

	if (template_want_text(call, &args[0]) || template_want_text(call, &args[1]) ||
		template_want_text(call, &args[2]))
		return -EINVAL;
	if (regex_new_search(args[0].str.s, &regex, error, sizeof(error)))
		return template_call_fail(call, "%s", error);
	regex_replace_all(regex, args[2].str.s, args[2].str.len, args[1].str.s, &out);
	regex_free(regex);
	return template_give_text(call, &out, ret);
}

int template_match(
	struct template_call *call, const struct tvalue *args, size_t n, struct tvalue *ret)
{
	struct regex *regex;
	char error[160];

	if (template_want_text(call, &args[0]) || template_want_text(call, &args[1]))
		return -EINVAL;
	if (regex_new_search(args[0].str.s, &regex, error, sizeof(error)))
		return template_call_fail(call, "%s", error);
	*ret = tvalue_bool(regex_matches(regex, args[1].str.s, args[1].str.len));
	regex_free(regex);
	return 0;
}

int template_safe_html(
	struct template_call *call, const struct tvalue *args, size_t n, struct tvalue *ret)
{
	if (template_want_text(call, &args[0]))
		return -EINVAL;
	*ret = args[0];
	ret->type = TVALUE_SAFE;
	return 0;
}

enum letters { LETTERS_TITLE, LETTERS_UPPER, LETTERS_LOWER };

/* Whose letters are Unicode's, whatever language the machine speaks; (locale_t)0: there is no such file. */
static locale_t unicode_locale(void)
{
	static locale_t locale;
	static bool tried;

	if (!tried)
		locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
	tried = true;
	return locale;
}

static uint32_t other_case(uint32_t rune, bool upper)
{
	locale_t locale;

	if (rune < 0x80)
		return (uint32_t)(upper ? toupper((int)rune) : tolower((int)rune));
	locale = unicode_locale();
	if (!locale)
		return rune;
	return (uint32_t)(upper ? towupper_l((wint_t)rune, locale)
				: towlower_l((wint_t)rune, locale));
}

/* What Go's strings.Title takes for a part of a word. */
static bool in_word(uint32_t rune)
{
	if (rune < 0x80)
		return isalnum((int)rune) || rune == '_';
	return !unicode_locale() || !iswspace_l((wint_t)rune, unicode_locale());
}

/* Bytes that are no UTF-8 become what stands for such, as in Go. */
static int change_letters(
	struct template_call *call, const struct tvalue *v, enum letters how, struct tvalue *ret)
{
	struct strbuf out = STRBUF_INIT;
	uint32_t rune, before = ' ';
	size_t n;

	if (template_want_text(call, v))
		return -EINVAL;
	for (size_t i = 0; i < v->str.len; i += n ? n : 1, before = rune) {
		n = utf8_decode(v->str.s + i, v->str.len - i, &rune);
		if (!n)
			rune = 0xfffd;
		if (how != LETTERS_TITLE || !in_word(before))
			utf8_encode(&out, other_case(rune, how != LETTERS_LOWER));
		else
			utf8_encode(&out, rune);
	}
	return template_give_text(call, &out, ret);
}

int template_title(
	struct template_call *call, const struct tvalue *args, size_t n, struct tvalue *ret)
{
	return change_letters(call, &args[0], LETTERS_TITLE, ret);
}

int template_to_upper(
	struct template_call *call, const struct tvalue *args, size_t n, struct tvalue *ret)
{
	return change_letters(call, &args[0], LETTERS_UPPER, ret);
}

int template_to_lower(
	struct template_call *call, const struct tvalue *args, size_t n, struct tvalue *ret)
{
	return change_letters(call, &args[0], LETTERS_LOWER, ret);
}

int template_humanize_duration(
	struct template_call *call, const struct tvalue *args, size_t n, struct tvalue *ret)
{
	struct strbuf out = STRBUF_INIT;
	double seconds;

	if (template_want_number(call, &args[0], &seconds))
		return -EINVAL;
	humanize_duration(&out, seconds);
	return template_give_text(call, &out, ret);
}
