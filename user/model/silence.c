/*
 * silence.c - silences.
 */
#include "model/silence.h"

#include <errno.h>
#include <stdio.h>
#include "base/escape.h"

struct silence *silence_new(void)
{
	return calloc(1, sizeof(struct silence));
}

void silence_free(struct silence *silence)
{
	if (!silence)
		return;
	matcher_list_release(&silence->matchers);
	free(silence->created_by);
	free(silence->comment);
	labels_unref(silence->annotations);
	free(silence);
}

enum silence_state silence_state(const struct silence *silence, int64_t wall_ms)
{
	if (wall_ms >= silence->ends_wall_ms)
		return SILENCE_EXPIRED;
	return wall_ms < silence->starts_wall_ms ? SILENCE_PENDING : SILENCE_ACTIVE;
}

const char *silence_state_text(enum silence_state state)
{
	static const char *const texts[] = {
		[SILENCE_PENDING] = "pending",
		[SILENCE_ACTIVE] = "active",
		[SILENCE_EXPIRED] = "expired",
	};

	return texts[state];
}

/* As Alertmanager asks: != and !~ never count as matching nothing, whatever they do. */
static bool matches_nothing(const struct matcher *m)
{
	return (m->type == MATCH_EQUAL || m->type == MATCH_REGEX) && matcher_matches(m, "");
}

int silence_validate(const struct silence *silence, char *error, size_t error_size)
{
	const struct matcher_list *matchers = &silence->matchers;
	bool all_match_nothing = true;

	for (size_t i = 0; i < matchers->n; i++) {
		const struct matcher *m = matchers->v[i];

		if (!*m->name || !utf8_valid(m->name, strlen(m->name))) {
			snprintf(error, error_size,
				"invalid label matcher %zu: invalid label name \"%s\"", i, m->name);
			return -EINVAL;
		}
		if (!utf8_valid(m->value, strlen(m->value))) {
			snprintf(error, error_size,
				"invalid label matcher %zu: invalid label value", i);
			return -EINVAL;
		}
		all_match_nothing = all_match_nothing && matches_nothing(m);
	}
	if (!matchers->n)
		snprintf(error, error_size, "at least one matcher required");
	else if (all_match_nothing)
		snprintf(error, error_size, "at least one matcher must not match the empty string");
	else if (!silence->starts_wall_ms)
		snprintf(error, error_size, "invalid zero start timestamp");
	else if (!silence->ends_wall_ms)
		snprintf(error, error_size, "invalid zero end timestamp");
	else if (silence->ends_wall_ms < silence->starts_wall_ms)
		snprintf(error, error_size, "end time must not be before start time");
	else
		return 0;
	return -EINVAL;
}

static int64_t second_of(int64_t ms)
{
	return ms / 1000 - (ms % 1000 < 0);
}

bool silence_can_become(
	const struct silence *silence, const struct silence *to, int64_t now_wall_ms)
{
	if (!matcher_list_equal(&silence->matchers, &to->matchers))
		return false;
	switch (silence_state(silence, now_wall_ms)) {
	case SILENCE_ACTIVE:
		return second_of(to->starts_wall_ms) == second_of(silence->starts_wall_ms) &&
		       to->ends_wall_ms >= now_wall_ms;
	case SILENCE_PENDING:
		return to->starts_wall_ms >= now_wall_ms;
	case SILENCE_EXPIRED:
		break;
	}
	return false;
}
