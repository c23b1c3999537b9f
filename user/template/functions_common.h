/*
 * functions_common.h - functions that Prometheus's rules and Alertmanager's mails both have, and what
 * makes it short to write others.
 */
#ifndef TOLLD_TEMPLATE_FUNCTIONS_COMMON_H
#define TOLLD_TEMPLATE_FUNCTIONS_COMMON_H

#include "template/template.h"

/* The text as the result; releases it. -ENOMEM, also where the text could not be made. */
int template_give_text(struct template_call *call, struct strbuf *text, struct tvalue *ret);
/* 0, or -EINVAL with the call's error set. */
int template_want_text(struct template_call *call, const struct tvalue *v);
/* The same: numbers as they are, text that reads as a number or as a duration (in seconds). */
int template_want_number(struct template_call *call, const struct tvalue *v, double *ret);

/* For tables of struct template_function. */
int template_humanize_duration(
	struct template_call *call, const struct tvalue *args, size_t n, struct tvalue *ret);
int template_match(
	struct template_call *call, const struct tvalue *args, size_t n, struct tvalue *ret);
int template_re_replace_all(
	struct template_call *call, const struct tvalue *args, size_t n, struct tvalue *ret);
int template_safe_html(
	struct template_call *call, const struct tvalue *args, size_t n, struct tvalue *ret);
int template_title(
	struct template_call *call, const struct tvalue *args, size_t n, struct tvalue *ret);
int template_to_lower(
	struct template_call *call, const struct tvalue *args, size_t n, struct tvalue *ret);
int template_to_upper(
	struct template_call *call, const struct tvalue *args, size_t n, struct tvalue *ret);

#endif
