/*
 * v2_post.c - POST /api/v2/alerts: alerts from outside.
 *
 * Read in place and one by one: a large body never becomes a tree many times its size. And in turns, so
 * that a flood does not hold the loop. As with Alertmanager, a body that cannot be understood changes nothing;
 * of one that can, the valid alerts are taken and the others told.
 */
#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <strings.h>
#include "api/v2.h"
#include "api/v2_input.h"
#include "base/escape.h"
#include "base/jread.h"

/* So many between two looks at the clock. */
#define AT_ONCE 16
/* Faults that are told; more of them would only hide these. */
#define MAX_FAULTS 100

struct posting {
	struct job job;
	struct v2_input in;
	struct instant begun;
	struct jread json; /* in the body */
	size_t n_read;
	bool read; /* all of it */
	struct alert **alerts;
	size_t n, cap, n_put;
	uint64_t received[2];	  /* firing, over */
	struct label_text *texts; /* of the set at hand */
	size_t n_texts, cap_texts;
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
	free(p->texts);
	strbuf_release(&p->faults);
	free(p);
}

/* -- reading ---------------------------------------------------------------------------------- */

/* What the reader found. */
static int not_json(const struct posting *p)
{
	v2_fault(p->in.req, MHD_HTTP_BAD_REQUEST,
		"parsing alerts body from \"\" failed, because %s at byte %zu", p->json.error,
		p->json.error_at);
	return -EINVAL;
}

static int wrong_type(struct posting *p, const char *field, const char *type)
{
	static const char *const kinds[] = {
		[JREAD_OBJECT] = "object",
		[JREAD_ARRAY] = "array",
		[JREAD_STRING] = "string",
		[JREAD_NUMBER] = "number",
		[JREAD_BOOL] = "bool",
		[JREAD_NULL] = "null",
	};
	enum jread_type kind = jread_type(&p->json);

	/* What is no value at all is another fault. */
	if (kind == JREAD_END || !jread_skip(&p->json)) {
		jread_skip(&p->json);
		return not_json(p);
	}
	return v2_wrong_type(&p->in, kinds[kind], field, type);
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

/* A text, or NULL where there is none. */
static int read_text(struct posting *p, const char *field, const char **ret)
{
	struct jread_text text;

	*ret = NULL;
	if (jread_type(&p->json) == JREAD_NULL)
		return jread_skip(&p->json) ? 0 : not_json(p);
	if (jread_type(&p->json) != JREAD_STRING)
		return wrong_type(p, field, "string");
	if (!jread_string(&p->json, &text))
		return not_json(p);
	*ret = text.s;
	return 0;
}

static int read_time(struct posting *p, const char *field, int64_t *ret_wall_ms)
{
	const char *text;
	int err;

	err = read_text(p, field, &text);
	if (!err && text && v2_time_parse(text, ret_wall_ms))
		err = v2_wrong_time(&p->in, field, text);
	return err;
}

/* One name and its value, to p->texts. */
static int read_label(struct posting *p, const char *field, const struct jread_text *name)
{
	struct jread_text value;

	if (jread_type(&p->json) == JREAD_NULL)
		return jread_skip(&p->json) ? 0 : not_json(p);
	if (jread_type(&p->json) != JREAD_STRING)
		return wrong_type(p, field, "string");
	if (!jread_string(&p->json, &value))
		return not_json(p);
	if (!vec_reserve(p->texts, p->n_texts, p->cap_texts))
		return v2_no_memory(&p->in);
	p->texts[p->n_texts++] = (struct label_text){ name->s, value.s, name->len, value.len };
	return 0;
}

static int read_labels(
	struct posting *p, const char *field, struct labels_builder b, struct labels **ret)
{
	struct jread_text name;
	int err = 0;

	labels_unref(TAKE(*ret));
	if (jread_type(&p->json) == JREAD_NULL)
		return jread_skip(&p->json) ? 0 : not_json(p);
	if (jread_type(&p->json) != JREAD_OBJECT)
		return wrong_type(p, field, "a map of strings");
	jread_begin(&p->json);
	p->n_texts = 0;
	while (!err && jread_next(&p->json, &name))
		err = read_label(p, field, &name);
	if (err || p->json.error)
		return err ? err : not_json(p);
	labels_builder_set_all(&b, p->texts, p->n_texts);
	return labels_build(&b, ret) ? v2_no_memory(&p->in) : 0;
}

/* Keys in other capitals are the same, as they are to Go. */
static int read_field(struct posting *p, const char *field, struct posted *ret)
{
	if (!strcasecmp(field, "labels"))
		return read_labels(p, "labels", LABELS_BUILDER_INIT, &ret->labels);
	if (!strcasecmp(field, "annotations"))
		return read_labels(p, "annotations", ANNOTATIONS_BUILDER_INIT, &ret->annotations);
	if (!strcasecmp(field, "startsAt"))
		return read_time(p, "startsAt", &ret->starts_wall_ms);
	if (!strcasecmp(field, "endsAt"))
		return read_time(p, "endsAt", &ret->ends_wall_ms);
	if (!strcasecmp(field, "generatorURL"))
		return read_text(p, "generatorURL", &ret->generator_url);
	return jread_skip(&p->json) ? 0 : not_json(p);
}

static int read_fields(struct posting *p, struct posted *ret)
{
	struct jread_text key;
	int err = 0;

	if (jread_type(&p->json) == JREAD_NULL)
		return jread_skip(&p->json) ? 0 : not_json(p);
	if (jread_type(&p->json) != JREAD_OBJECT)
		return wrong_type(p, "an alert", "an object");
	jread_begin(&p->json);
	while (!err && jread_next(&p->json, &key))
		err = read_field(p, key.s, ret);
	return !err && p->json.error ? not_json(p) : err;
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
		if (!matcher_syntax_takes_name(labels->v[i].name)) {
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

static int read_one(struct posting *p, struct instant now)
{
	struct posted posted = { 0 };
	int err;

	err = read_fields(p, &posted);
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
	p->n_read++;
	return err;
}

/* The next one, or the end of all. */
static int read_next(struct posting *p, struct instant now)
{
	if (jread_next(&p->json, NULL))
		return read_one(p, now);
	if (p->json.error)
		return not_json(p);
	p->read = true;
	return 0;
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

static void put_some(struct posting *p, struct instant now)
{
	size_t n = MIN(p->n - p->n_put, (size_t)AT_ONCE);

	/* An empty list has no array. */
	if (n)
		notify_expect(p->in.req->api->sources.notify, p->alerts + p->n_put, n);
	while (n--)
		put_one(p, now);
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
			if (read_next(p, now))
				return true;
		}
		if (p->read && p->lacking) {
			v2_fault(req, p->lacking, "%s", p->lacks);
			return true;
		}
		if (p->read)
			put_some(p, now);
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
	enum jread_type type;

	jread_init(&p->json, body->s, body->len);
	type = jread_type(&p->json);
	if (type == JREAD_ARRAY)
		return jread_begin(&p->json);
	if (p->json.at == body->len)
		v2_fault(p->in.req, V2_REQUIRED, "alerts in body is required");
	else if (type == JREAD_NULL && jread_skip(&p->json))
		v2_empty(p->in.req, MHD_HTTP_OK);
	else
		wrong_type(p, "the body", "a list of alerts");
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
