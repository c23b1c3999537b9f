/*
 * v2_post.c - POST /api/v2/alerts: alerts from outside.
 *
 * Read one by one, so that a large body never becomes a tree many times its size, and in turns, so that
 * a flood does not hold the loop. As with Alertmanager, a body that cannot be understood changes nothing;
 * of one that can, the valid alerts are taken and the others told.
 */
#include <errno.h>
#include <microhttpd.h>
#include "api/v2.h"
#include "api/v2_input.h"
#include "base/escape.h"

/* So many between two looks at the clock. */
#define AT_ONCE 16
/* Faults that are told; more of them would only hide these. */
#define MAX_FAULTS 100

struct posting {
	struct job job;
	struct v2_input in;
	struct instant begun;
	size_t at; /* in the body */
	size_t n_read;
	bool read; /* all of it */
	struct alert **alerts;
	size_t n, cap, n_put;
	uint64_t received[2]; /* firing, over */
	struct strbuf faults; /* of alerts that are not valid */
	size_t n_faults;
	size_t n_refused;
	int refused; /* why the first one was */
	/* What the first alert lacks that all must have: told unless a later one is no JSON. */
	unsigned lacking;
	char lacks[200];
	int64_t resolve_timeout_ms;
};

static void posting_free(struct job *job)
{
	struct posting *p = container_of(job, struct posting, job);

	for (size_t i = p->n_put; i < p->n; i++)
		alert_unref(p->alerts[i]);
	free(p->alerts);
	strbuf_release(&p->faults);
	free(p);
}

/* -- reading ---------------------------------------------------------------------------------- */

static void skip_space(struct posting *p)
{
	const struct strbuf *body = &p->in.req->body;

	while (p->at < body->len && strchr(" \t\r\n", body->s[p->at]) && body->s[p->at])
		p->at++;
}

/* The next character that is no space, or 0 at the end. */
static char peek(struct posting *p)
{
	skip_space(p);
	return p->at < p->in.req->body.len ? p->in.req->body.s[p->at] : '\0';
}

static void add_fault(struct posting *p, const char *what, const char *name)
{
	struct strbuf *out = &p->faults;

	if (p->n_faults++ >= MAX_FAULTS)
		return;
	strbuf_addf(out, "%s%s", out->len ? "; " : "", what);
	if (name) {
		strbuf_adds(out, "\"");
		escape_quoted(out, name, strlen(name));
		strbuf_adds(out, "\"");
	}
}

static void lacks(struct posting *p, unsigned code, const char *fmt, const char *value)
{
	if (p->lacking)
		return;
	p->lacking = code;
	if (code == V2_REQUIRED)
		snprintf(p->lacks, sizeof(p->lacks), "%zu.%s in body is required", p->n_read, fmt);
	else
		snprintf(p->lacks, sizeof(p->lacks), "%zu.%s in body must be of type uri: \"%s\"",
			p->n_read, fmt, value);
}

/* What an alert says, before it is one. */
struct posted {
	struct labels *labels, *annotations;
	int64_t starts_wall_ms, ends_wall_ms;
	const char *generator_url;
	bool timeout;
};

static void posted_release(struct posted *posted)
{
	labels_unref(posted->labels);
	labels_unref(posted->annotations);
}

static int read_fields(const struct posting *p, const json_t *object, struct posted *ret)
{
	const struct v2_input *in = &p->in;
	int err;

	err = v2_field_labels(in, object, "annotations", &ret->annotations);
	if (!err)
		err = v2_field_time(in, object, "endsAt", &ret->ends_wall_ms);
	if (!err)
		err = v2_field_time(in, object, "startsAt", &ret->starts_wall_ms);
	if (!err)
		err = v2_field_text(in, object, "generatorURL", &ret->generator_url);
	if (!err)
		err = v2_field_labels(in, object, "labels", &ret->labels);
	return err;
}

/* The times that it leaves open. */
static void fill_times(const struct posting *p, struct posted *posted, struct instant now)
{
	if (!posted->starts_wall_ms)
		posted->starts_wall_ms = posted->ends_wall_ms ? posted->ends_wall_ms : now.wall_ms;
	posted->timeout = !posted->ends_wall_ms;
	if (posted->timeout)
		posted->ends_wall_ms = now.wall_ms + p->resolve_timeout_ms;
}

static bool names_valid(struct posting *p, const struct labels *labels, const char *what)
{
	for (unsigned i = 0; labels && i < labels->n; i++) {
		if (!*labels->v[i].name) {
			add_fault(p, what, labels->v[i].name);
			return false;
		}
	}
	return true;
}

static bool is_valid(struct posting *p, const struct posted *posted)
{
	if (posted->ends_wall_ms < posted->starts_wall_ms) {
		add_fault(p, "start time must be before end time", NULL);
		return false;
	}
	if (!names_valid(p, posted->labels, "invalid label set: invalid name "))
		return false;
	if (!posted->labels->n) {
		add_fault(p, "at least one label pair required", NULL);
		return false;
	}
	return names_valid(p, posted->annotations, "invalid annotations: invalid name ");
}

static int keep(struct posting *p, const struct posted *posted, struct instant now)
{
	struct alert *alert;

	if (!vec_reserve(p->alerts, p->n, p->cap))
		return v2_no_memory(&p->in);
	alert = alert_new(posted->labels, posted->annotations);
	if (!alert)
		return v2_no_memory(&p->in);
	p->alerts[p->n++] = alert;
	alert->starts_wall_ms = posted->starts_wall_ms;
	alert->ends_wall_ms = posted->ends_wall_ms;
	alert->updated_wall_ms = now.wall_ms;
	alert->timeout = posted->timeout;
	if (posted->generator_url && *posted->generator_url) {
		alert->generator_url = strdup(posted->generator_url);
		if (!alert->generator_url)
			return v2_no_memory(&p->in);
	}
	return 0;
}

static int take(struct posting *p, const json_t *object, struct instant now)
{
	struct posted posted = { 0 };
	int err;

	if (!json_is_object(object) && !json_is_null(object))
		return v2_wrong_type(&p->in, object, "an alert", "an object");
	err = read_fields(p, object, &posted);
	if (!err && posted.generator_url && *posted.generator_url &&
		!v2_uri_valid(posted.generator_url))
		lacks(p, V2_INVALID_TYPE, "generatorURL", posted.generator_url);
	else if (!err && !posted.labels)
		lacks(p, V2_REQUIRED, "labels", NULL);
	if (!err && !p->lacking) {
		fill_times(p, &posted, now);
		p->received[posted.ends_wall_ms <= now.wall_ms]++;
		if (is_valid(p, &posted))
			err = keep(p, &posted, now);
	}
	posted_release(&posted);
	return err;
}

static int read_one(struct posting *p, struct instant now)
{
	const struct strbuf *body = &p->in.req->body;
	json_error_t error;
	json_t *object;
	char next;
	int err;

	object = json_loadb(body->s + p->at, body->len - p->at,
		JSON_DECODE_ANY | JSON_DISABLE_EOF_CHECK, &error);
	if (!object)
		return v2_not_json(&p->in, &error, p->at);
	/* On success this is where it ended. */
	p->at += (size_t)error.position;
	err = take(p, object, now);
	json_decref(object);
	if (err)
		return err;
	p->n_read++;
	next = peek(p);
	p->read = next == ']';
	if (next == ',' || next == ']') {
		p->at++;
		return 0;
	}
	v2_fault(p->in.req, MHD_HTTP_BAD_REQUEST,
		"parsing alerts body from \"\" failed, because %s at byte %zu",
		next ? "there is neither , nor ]" : "unexpected EOF", p->at);
	return -EINVAL;
}

/* -- taking them ------------------------------------------------------------------------------ */

static void put_one(struct posting *p, struct instant now)
{
	struct alert *alert = p->alerts[p->n_put++];
	int err = notify_put(p->in.req->api->sources.notify, alert, now);

	alert_unref(alert);
	if (!err)
		return;
	if (!p->n_refused++)
		p->refused = err;
}

static void answer(struct posting *p)
{
	struct request *req = p->in.req;
	const char *why = p->refused == -ENOSPC	  ? "the limit of alerts is reached"
			  : p->refused == -EEXIST ? "other labels have the same fingerprint"
						  : "out of memory";

	req->api->alerts_received[0] += p->received[0];
	req->api->alerts_received[1] += p->received[1];
	req->api->alerts_invalid += p->n_faults;
	if (p->n_refused)
		v2_text(req, MHD_HTTP_INTERNAL_SERVER_ERROR, "%zu of %zu alerts not taken: %s",
			p->n_refused, p->n_read, why);
	else if (p->n_faults > MAX_FAULTS)
		v2_text(req, MHD_HTTP_BAD_REQUEST, "%s; and %zu more", p->faults.s,
			p->n_faults - MAX_FAULTS);
	else if (p->n_faults)
		v2_text(req, MHD_HTTP_BAD_REQUEST, "%s", p->faults.s);
	else
		v2_empty(req, MHD_HTTP_OK);
}

static bool posting_step(struct job *job, struct request *req)
{
	struct posting *p = container_of(job, struct posting, job);
	struct instant now = v2_now(&p->begun);
	int64_t until = now.boot_ns + API_TURN_NS;

	do {
		for (size_t i = 0; i < AT_ONCE && !p->read; i++) {
			if (read_one(p, now))
				return true;
		}
		if (p->read && p->lacking) {
			v2_fault(req, p->lacking, "%s", p->lacks);
			return true;
		}
		for (size_t i = 0; i < AT_ONCE && p->read && p->n_put < p->n; i++)
			put_one(p, now);
		if (p->read && p->n_put == p->n) {
			answer(p);
			return true;
		}
	} while (clock_boot_ns() < until);
	return false;
}

/* null, or what is no list at all. True: there is a list to read. */
static bool begin_list(struct posting *p)
{
	const struct strbuf *body = &p->in.req->body;
	json_error_t error;
	json_t *value;

	if (peek(p) == '[') {
		p->at++;
		p->read = peek(p) == ']';
		return true;
	}
	if (p->at == body->len) {
		v2_fault(p->in.req, V2_REQUIRED, "alerts in body is required");
		return false;
	}
	value = json_loadb(body->s, body->len, JSON_DECODE_ANY | JSON_DISABLE_EOF_CHECK, &error);
	if (!value)
		v2_not_json(&p->in, &error, 0);
	else if (json_is_null(value))
		v2_empty(p->in.req, MHD_HTTP_OK);
	else
		v2_wrong_type(&p->in, value, "the body", "a list of alerts");
	json_decref(value);
	return false;
}

void v2_alerts_post(struct request *req, struct instant now)
{
	const struct v2_input in = { .req = req, .name = "alerts" };
	const struct config *config = api_config(req->api);
	struct posting *p;

	if (!req->body.len) {
		v2_fault(req, V2_REQUIRED, "alerts in body is required");
		return;
	}
	if (!v2_is_json(req))
		return;
	p = calloc(1, sizeof(*p));
	if (!p || v2_mend_utf8(&req->body)) {
		free(p);
		v2_no_memory(&in);
		return;
	}
	p->job = (struct job){ .step = posting_step, .free = posting_free };
	p->in = in;
	p->begun = now;
	p->faults = STRBUF_INIT;
	p->resolve_timeout_ms = config ? config->global.resolve_timeout_ms : 300000;
	if (begin_list(p))
		req->job = &p->job;
	else
		posting_free(&p->job);
}
