/*
 * go_value.c - time.Time and time.Duration as values of templates, with the methods in use there.
 */
#include "deliver/go_time.h"

#include <errno.h>
#include "base/clock.h"
#include "base/num.h"
#include "template/functions_common.h"

typedef int method_fn(struct template_call *call, const void *self, const struct tvalue *args,
	struct tvalue *ret);

struct method {
	const char *name;
	size_t n_args;
	method_fn *call;
};

static int call_method(const struct method *methods, size_t n_methods, struct template_call *call,
	const void *self, const char *name, const struct tvalue *args, size_t n, struct tvalue *ret)
{
	for (size_t i = 0; i < n_methods; i++) {
		if (!streq(methods[i].name, name))
			continue;
		if (n != methods[i].n_args)
			return template_call_fail(call, "wrong number of args: want %zu got %zu",
				methods[i].n_args, n);
		return methods[i].call(call, self, args, ret);
	}
	return -ENOENT;
}

/* -- durations -- */

static const struct tvalue_class duration_class;

static int duration_float(const void *self, int64_t unit, struct tvalue *ret)
{
	*ret = tvalue_float((double)*(const int64_t *)self / (double)unit);
	return 0;
}

static int duration_hours(
	struct template_call *call, const void *self, const struct tvalue *args, struct tvalue *ret)
{
	return duration_float(self, 3600 * NSEC_PER_SEC, ret);
}

static int duration_minutes(
	struct template_call *call, const void *self, const struct tvalue *args, struct tvalue *ret)
{
	return duration_float(self, 60 * NSEC_PER_SEC, ret);
}

static int duration_seconds(
	struct template_call *call, const void *self, const struct tvalue *args, struct tvalue *ret)
{
	return duration_float(self, NSEC_PER_SEC, ret);
}

static int duration_milliseconds(
	struct template_call *call, const void *self, const struct tvalue *args, struct tvalue *ret)
{
	*ret = tvalue_int(*(const int64_t *)self / NSEC_PER_MSEC);
	return 0;
}

static int duration_string(
	struct template_call *call, const void *self, const struct tvalue *args, struct tvalue *ret)
{
	struct strbuf text = STRBUF_INIT;

	go_duration_format(*(const int64_t *)self, &text);
	return template_give_text(call, &text, ret);
}

static int want_duration(struct template_call *call, const struct tvalue *v, int64_t *ret)
{
	if (go_duration_get(v, ret))
		return 0;
	/* A number is one of nanoseconds, as Go's constants are. */
	if (v->type == TVALUE_INT) {
		*ret = v->i;
		return 0;
	}
	return template_call_fail(call, "expected a duration");
}

static int duration_truncate(
	struct template_call *call, const void *self, const struct tvalue *args, struct tvalue *ret)
{
	int64_t v = *(const int64_t *)self, to = 0;

	if (want_duration(call, &args[0], &to))
		return -EINVAL;
	return go_duration_value(call->arena, to > 0 ? v - v % to : v, ret);
}

static int duration_round(
	struct template_call *call, const void *self, const struct tvalue *args, struct tvalue *ret)
{
	int64_t v = *(const int64_t *)self, to = 0, rest, rounded;

	if (want_duration(call, &args[0], &to))
		return -EINVAL;
	rest = to > 0 ? v % to : 0;
	rounded = v - rest;
	if (rest && rest <= -(to - to / 2))
		__builtin_sub_overflow(rounded, to, &rounded);
	else if (rest && rest >= to - to / 2)
		__builtin_add_overflow(rounded, to, &rounded);
	return go_duration_value(call->arena, rounded, ret);
}

static int duration_get(struct template_call *call, const void *self, const char *name,
	const struct tvalue *args, size_t n, struct tvalue *ret)
{
	static const struct method methods[] = {
		{ "Hours", 0, duration_hours },
		{ "Milliseconds", 0, duration_milliseconds },
		{ "Minutes", 0, duration_minutes },
		{ "Round", 1, duration_round },
		{ "Seconds", 0, duration_seconds },
		{ "String", 0, duration_string },
		{ "Truncate", 1, duration_truncate },
	};

	return call_method(methods, ARRAY_SIZE(methods), call, self, name, args, n, ret);
}

static void duration_print(const void *self, struct strbuf *out)
{
	go_duration_format(*(const int64_t *)self, out);
}

static bool duration_truth(const void *self)
{
	return *(const int64_t *)self != 0;
}

static int duration_json(const void *self, struct strbuf *out, unsigned depth)
{
	strbuf_addi(out, *(const int64_t *)self);
	return 0;
}

static const struct tvalue_class duration_class = {
	.name = "time.Duration",
	.get = duration_get,
	.print = duration_print,
	.truth = duration_truth,
	.json = duration_json,
	.stringer = true,
};

int go_duration_value(struct arena *arena, int64_t nanoseconds, struct tvalue *ret)
{
	int64_t *self = arena_memdup(arena, &nanoseconds, sizeof(nanoseconds));

	if (!self)
		return -ENOMEM;
	*ret = (struct tvalue){ .type = TVALUE_OBJECT, .object = { &duration_class, self } };
	return 0;
}

bool go_duration_get(const struct tvalue *value, int64_t *ret_nanoseconds)
{
	if (value->type != TVALUE_OBJECT || value->object.class != &duration_class)
		return false;
	*ret_nanoseconds = *(const int64_t *)value->object.self;
	return true;
}

/* -- times -- */

static const struct tvalue_class time_class;

static int want_time(struct template_call *call, const struct tvalue *v, struct go_time *ret)
{
	return go_time_get(v, ret) ? 0 : template_call_fail(call, "expected a time");
}

static int formatted(
	struct template_call *call, const void *self, const char *layout, struct tvalue *ret)
{
	struct strbuf text = STRBUF_INIT;

	go_time_format(self, layout, &text);
	return template_give_text(call, &text, ret);
}

static int time_format(
	struct template_call *call, const void *self, const struct tvalue *args, struct tvalue *ret)
{
	if (!tvalue_is_text(&args[0]))
		return template_call_fail(call, "expected a layout");
	return formatted(call, self, args[0].str.s, ret);
}

static const char go_layout[] = "2006-01-02 15:04:05.999999999 -0700 MST";

static int time_string(
	struct template_call *call, const void *self, const struct tvalue *args, struct tvalue *ret)
{
	return formatted(call, self, go_layout, ret);
}

/* A part of the calendar: what a layout of that part alone says. */
static int time_part(
	struct template_call *call, const void *self, const char *layout, struct tvalue *ret)
{
	struct strbuf text = STRBUF_INIT;
	int64_t v = 0;
	int err;

	go_time_format(self, layout, &text);
	err = text.err ? -ENOMEM : num_parse_int(text.s, INT64_MIN, INT64_MAX, &v);
	strbuf_release(&text);
	if (!err)
		*ret = tvalue_int(v);
	return err;
}

#define TIME_PART(part, layout)                                                                    \
	static int time_##part(struct template_call *call, const void *self,                       \
		const struct tvalue *args, struct tvalue *ret)                                     \
	{                                                                                          \
		return time_part(call, self, layout, ret);                                         \
	}

TIME_PART(year, "2006")
TIME_PART(day, "2")
TIME_PART(year_day, "002")
TIME_PART(hour, "15")
TIME_PART(minute, "4")
TIME_PART(second, "5")

static int time_month(
	struct template_call *call, const void *self, const struct tvalue *args, struct tvalue *ret)
{
	return formatted(call, self, "January", ret);
}

static int time_weekday(
	struct template_call *call, const void *self, const struct tvalue *args, struct tvalue *ret)
{
	return formatted(call, self, "Monday", ret);
}

static int time_unix(
	struct template_call *call, const void *self, const struct tvalue *args, struct tvalue *ret)
{
	*ret = tvalue_int(((const struct go_time *)self)->unix_seconds);
	return 0;
}

static int time_unix_milli(
	struct template_call *call, const void *self, const struct tvalue *args, struct tvalue *ret)
{
	const struct go_time *t = self;

	*ret = tvalue_int(t->unix_seconds * 1000 + t->nanoseconds / 1000000);
	return 0;
}

static int time_is_zero(
	struct template_call *call, const void *self, const struct tvalue *args, struct tvalue *ret)
{
	*ret = tvalue_bool(go_time_is_zero(self));
	return 0;
}

static int time_utc(
	struct template_call *call, const void *self, const struct tvalue *args, struct tvalue *ret)
{
	struct go_time t = *(const struct go_time *)self;

	t.zone = NULL;
	return go_time_value(call->arena, &t, ret);
}

static int time_local(
	struct template_call *call, const void *self, const struct tvalue *args, struct tvalue *ret)
{
	struct go_time t = *(const struct go_time *)self;
	int err = zone_load("Local", call->arena, &t.zone);

	return err ? err : go_time_value(call->arena, &t, ret);
}

static int time_add(
	struct template_call *call, const void *self, const struct tvalue *args, struct tvalue *ret)
{
	struct go_time t;
	int64_t d = 0;

	if (want_duration(call, &args[0], &d))
		return -EINVAL;
	t = go_time_add(self, d);
	return go_time_value(call->arena, &t, ret);
}

static int time_sub(
	struct template_call *call, const void *self, const struct tvalue *args, struct tvalue *ret)
{
	struct go_time other;

	if (want_time(call, &args[0], &other))
		return -EINVAL;
	return go_duration_value(call->arena, go_time_sub(self, &other), ret);
}

static int order(struct template_call *call, const void *self, const struct tvalue *arg, int sign,
	struct tvalue *ret)
{
	struct go_time other;
	int64_t d = 0;

	if (want_time(call, arg, &other))
		return -EINVAL;
	d = go_time_sub(self, &other);
	*ret = tvalue_bool(sign < 0 ? d < 0 : sign > 0 ? d > 0 : d == 0);
	return 0;
}

static int time_before(
	struct template_call *call, const void *self, const struct tvalue *args, struct tvalue *ret)
{
	return order(call, self, &args[0], -1, ret);
}

static int time_after(
	struct template_call *call, const void *self, const struct tvalue *args, struct tvalue *ret)
{
	return order(call, self, &args[0], 1, ret);
}

static int time_equal(
	struct template_call *call, const void *self, const struct tvalue *args, struct tvalue *ret)
{
	return order(call, self, &args[0], 0, ret);
}

static int time_get(struct template_call *call, const void *self, const char *name,
	const struct tvalue *args, size_t n, struct tvalue *ret)
{
	static const struct method methods[] = {
		{ "Add", 1, time_add },
		{ "After", 1, time_after },
		{ "Before", 1, time_before },
		{ "Day", 0, time_day },
		{ "Equal", 1, time_equal },
		{ "Format", 1, time_format },
		{ "Hour", 0, time_hour },
		{ "IsZero", 0, time_is_zero },
		{ "Local", 0, time_local },
		{ "Minute", 0, time_minute },
		{ "Month", 0, time_month },
		{ "Second", 0, time_second },
		{ "String", 0, time_string },
		{ "Sub", 1, time_sub },
		{ "UTC", 0, time_utc },
		{ "Unix", 0, time_unix },
		{ "UnixMilli", 0, time_unix_milli },
		{ "Weekday", 0, time_weekday },
		{ "Year", 0, time_year },
		{ "YearDay", 0, time_year_day },
	};

	return call_method(methods, ARRAY_SIZE(methods), call, self, name, args, n, ret);
}

static void time_print(const void *self, struct strbuf *out)
{
	go_time_format(self, go_layout, out);
}

static int time_json(const void *self, struct strbuf *out, unsigned depth)
{
	strbuf_addch(out, '"');
	go_time_format(self, "2006-01-02T15:04:05.999999999Z07:00", out);
	strbuf_addch(out, '"');
	return 0;
}

static const struct tvalue_class time_class = {
	.name = "time.Time",
	.get = time_get,
	.print = time_print,
	.json = time_json,
};

int go_time_value(struct arena *arena, const struct go_time *t, struct tvalue *ret)
{
	struct go_time *self = arena_memdup(arena, t, sizeof(*t));

	if (!self)
		return -ENOMEM;
	*ret = (struct tvalue){ .type = TVALUE_OBJECT, .object = { &time_class, self } };
	return 0;
}

bool go_time_get(const struct tvalue *value, struct go_time *ret)
{
	if (value->type != TVALUE_OBJECT || value->object.class != &time_class)
		return false;
	*ret = *(const struct go_time *)value->object.self;
	return true;
}
