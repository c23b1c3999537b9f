/*
 * silence.h - a silence: alerts that match are not told from its start to its end.
 *
 * Start and end are appointments on the wall clock. Source: alertmanager silence/silence.go.
 */
#ifndef TOLLD_MODEL_SILENCE_H
#define TOLLD_MODEL_SILENCE_H

#include "model/matcher_parser.h"

#define SILENCE_ID_LEN 36

enum silence_state { SILENCE_PENDING, SILENCE_ACTIVE, SILENCE_EXPIRED };

struct silence {
	char id[SILENCE_ID_LEN + 1]; /* a UUID; "" for one that is not known yet */
	struct matcher_list matchers;
	int64_t starts_wall_ms, ends_wall_ms, updated_wall_ms; /* 0: not given */
	char *created_by, *comment;			       /* NULL as "" */
	struct labels *annotations;			       /* NULL as none */
};

/* An empty one, or NULL when memory is out. */
struct silence *silence_new(void);
void silence_free(struct silence *silence);
DEFINE_FREEP(silence)

/* Its end is the first instant at which it is over, so that one that is ended is over at once. */
enum silence_state silence_state(const struct silence *silence, int64_t wall_ms);
const char *silence_state_text(enum silence_state state);
/* On -EINVAL error[] says what is wrong, in Alertmanager's words. */
int silence_validate(const struct silence *silence, char *error, size_t error_size);
/* Whether it may become `to` without another past: as it silenced until now, it still did. */
bool silence_can_become(
	const struct silence *silence, const struct silence *to, int64_t now_wall_ms);

#endif
