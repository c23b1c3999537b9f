/*
 * notices.c - /api/v1/notifications/history: what became of notifications, the newest first.
 *
 * The log lies on the disk, so it is read a few rows at a time, between the loop's other work. A page
 * ends at `limit`; `next` is then the `before` of the page that follows.
 */
#include "api/answer.h"
#include "api/state.h"

#include <errno.h>
#include "base/num.h"

#define LIMIT_DEFAULT 100
#define LIMIT_MAX     1000
/* Ids looked at in one turn: some tens of kilobytes. */
#define TURN_IDS 200

struct listing {
	struct job job;
	struct api_notices_ask asked; /* texts are the request's */
	int64_t first, last;	      /* the lowest id that there may be; of the last entry shown */
	size_t limit, n;
	bool full; /* there is another one */
	struct jsonw json;
};

static bool add_entry(int64_t id, const char *members, void *to)
{
	struct listing *l = to;

	if (l->n == l->limit) {
		l->full = true;
		return false;
	}
	l->n++;
	l->last = id;
	jsonw_begin_object(&l->json);
	jsonw_field_int(&l->json, "id", id);
	jsonw_members(&l->json, members, strlen(members));
	jsonw_end_object(&l->json);
	return true;
}

static void finish(struct request *req, struct listing *l)
{
	jsonw_end_array(&l->json);
	if (l->full)
		jsonw_field_int(&l->json, "next", l->last);
	jsonw_end_object(&l->json);
	answer_end(req, &l->json);
}

static bool step(struct job *job, struct request *req)
{
	struct listing *l = container_of(job, struct listing, job);
	const struct api_sources *sources = &req->api->sources;
	int err;

	if (l->asked.end <= l->first || l->full) {
		finish(req, l);
		return true;
	}
	l->asked.first = MAX(l->first, l->asked.end - TURN_IDS);
	err = sources->notices(&l->asked, add_entry, l, sources->userdata);
	l->asked.end = l->asked.first;
	if (err)
		answer_error(req, ANSWER_UNAVAILABLE, "the log of notifications cannot be read: %s",
			strerror(-err));
	return err != 0;
}

static void listing_free(struct job *job)
{
	free(container_of(job, struct listing, job));
}

static int read_outcome(struct request *req, const char **ret)
{
	static const char *const outcomes[] = { "sent", "retried", "failed", "suppressed" };

	*ret = request_text(req, "outcome");
	for (size_t i = 0; *ret && i < ARRAY_SIZE(outcomes); i++) {
		if (streq(*ret, outcomes[i]))
			return 0;
	}
	if (!*ret)
		return 0;
	answer_error(req, ANSWER_BAD_DATA,
		"invalid parameter \"outcome\": it is sent, retried, failed or suppressed");
	return -EINVAL;
}

static int read_params(struct request *req, struct listing *l)
{
	const char *before = request_text(req, "before");
	int64_t id;
	int err = param_time(req, "since", false, &l->asked.since_wall_ms);

	if (!err)
		err = param_time(req, "until", false, &l->asked.until_wall_ms);
	if (!err)
		err = param_limit(req, "limit", &l->limit);
	if (!err)
		err = read_outcome(req, &l->asked.outcome);
	if (err)
		return err;
	if (before && num_parse_int(before, 0, INT64_MAX, &id)) {
		answer_error(req, ANSWER_BAD_DATA, "invalid parameter \"before\": not an id");
		return -EINVAL;
	}
	if (before)
		l->asked.end = MIN(l->asked.end, id);
	l->limit = l->limit ? MIN(l->limit, (size_t)LIMIT_MAX) : LIMIT_DEFAULT;
	l->asked.receiver = request_text(req, "receiver");
	l->asked.alert = request_text(req, "alert");
	return 0;
}

void notices_list(struct request *req, struct instant now)
{
	const struct api_sources *sources = &req->api->sources;
	struct listing *l;

	if (!sources->notices) {
		answer_error(req, ANSWER_UNAVAILABLE, "there is no log of notifications");
		return;
	}
	l = calloc(1, sizeof(*l));
	if (!l) {
		answer_error(req, ANSWER_INTERNAL, "out of memory");
		return;
	}
	l->job = (struct job){ .step = step, .free = listing_free };
	l->asked.since_wall_ms = INT64_MIN;
	l->asked.until_wall_ms = INT64_MAX;
	sources->notices_span(&l->first, &l->asked.end, sources->userdata);
	if (read_params(req, l)) {
		free(l);
		return;
	}
	answer_begin(req, &l->json);
	jsonw_begin_object(&l->json);
	jsonw_key(&l->json, "notifications");
	jsonw_begin_array(&l->json);
	req->job = &l->job;
}
