/*
 * silence_list.c - silences in order.
 */
#include "api/silence_list.h"

#include <errno.h>
#include <stdlib.h>

struct reading {
	struct silence_list *list;
	unsigned states;
	const struct matcher_list *filter;
	int64_t wall_ms;
	bool failed;
};

/* A filter asks for a matcher, not for what it matches. */
static bool has_matchers(const struct silence *silence, const struct matcher_list *filter)
{
	for (size_t i = 0; filter && i < filter->n; i++) {
		size_t k = 0;

		while (k < silence->matchers.n &&
			!matcher_equal(silence->matchers.v[k], filter->v[i]))
			k++;
		if (k == silence->matchers.n)
			return false;
	}
	return true;
}

static bool add(const struct silence *silence, void *userdata)
{
	struct reading *reading = userdata;
	struct silence_list *list = reading->list;

	if (!(reading->states & SILENCES_OF(silence_state(silence, reading->wall_ms))) ||
		!has_matchers(silence, reading->filter))
		return true;
	reading->failed = !vec_reserve(list->v, list->n, list->cap);
	if (!reading->failed)
		list->v[list->n++] = silence;
	return !reading->failed;
}

static int compare_times(int64_t a, int64_t b)
{
	return (a > b) - (a < b);
}

static int by_state(const void *a, const void *b, void *userdata)
{
	static const int order[] = {
		[SILENCE_ACTIVE] = 0, [SILENCE_PENDING] = 1, [SILENCE_EXPIRED] = 2
	};
	const struct silence *sa = *(const struct silence *const *)a;
	const struct silence *sb = *(const struct silence *const *)b;
	const struct reading *reading = userdata;
	enum silence_state state = silence_state(sa, reading->wall_ms);
	int result = order[state] - order[silence_state(sb, reading->wall_ms)];

	if (!result && state == SILENCE_ACTIVE)
		result = compare_times(sa->ends_wall_ms, sb->ends_wall_ms);
	else if (!result && state == SILENCE_PENDING)
		result = compare_times(sa->starts_wall_ms, sb->starts_wall_ms);
	else if (!result)
		result = compare_times(sb->ends_wall_ms, sa->ends_wall_ms);
	return result ? result : strcmp(sa->id, sb->id);
}

int silence_list_read(const struct notify *notify, unsigned states,
	const struct matcher_list *filter, int64_t wall_ms, struct silence_list *ret)
{
	struct reading reading = {
		.list = ret, .states = states, .filter = filter, .wall_ms = wall_ms
	};

	*ret = (struct silence_list){ 0 };
	notify_silences(notify, add, &reading);
	if (reading.failed) {
		silence_list_release(ret);
		return -ENOMEM;
	}
	if (ret->n)
		qsort_r(ret->v, ret->n, sizeof(*ret->v), by_state, &reading);
	return 0;
}

void silence_list_release(struct silence_list *list)
{
	free(list->v);
	*list = (struct silence_list){ 0 };
}
