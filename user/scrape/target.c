/*
 * target.c - labels and URL of a target.
 *
 * Source of the rules: prometheus scrape/target.go (PopulateLabels, URL).
 */
#include "scrape/target.h"

#include <errno.h>
#include "base/escape.h"
#include "base/hash.h"
#include "base/num.h"
#include "model/duration.h"

#define ADDRESS_LABEL  "__address__"
#define PATH_LABEL     "__metrics_path__"
#define SCHEME_LABEL   "__scheme__"
#define INTERVAL_LABEL "__scrape_interval__"
#define TIMEOUT_LABEL  "__scrape_timeout__"
#define PARAM_PREFIX   "__param_"

static void set_duration(struct labels_builder *b, const char *name, int64_t ms)
{
	struct strbuf text = STRBUF_INIT;

	duration_format(&text, ms);
	labels_builder_set(b, name, text.err ? "0s" : text.s);
	b->err = text.err ? text.err : b->err;
	strbuf_release(&text);
}

/* An empty value is none, which leaves the default; the address is the target's, not the block's. */
static void set_from_file(struct labels_builder *b, const struct config_pair *label)
{
	if (*label->value.s && !streq(label->name.s, ADDRESS_LABEL))
		labels_builder_set(b, label->name.s, label->value.s);
}

/* Labels of the file come first in rank: they may set __metrics_path__ or job, too. */
static int discovered_labels(
	const struct config_scrape *job, const struct config_target *place, struct labels **ret)
{
	struct labels_builder b = LABELS_BUILDER_INIT;
	struct strbuf name = STRBUF_INIT;

	labels_builder_set(&b, LABEL_JOB, job->job_name.s);
	labels_builder_set(&b, PATH_LABEL, job->metrics_path.s ? job->metrics_path.s : "/metrics");
	labels_builder_set(&b, SCHEME_LABEL, job->scheme.s ? job->scheme.s : "http");
	set_duration(&b, INTERVAL_LABEL, job->interval_ms);
	set_duration(&b, TIMEOUT_LABEL, job->timeout_ms);
	for (size_t i = 0; i < job->n_params; i++) {
		if (!job->params[i].n)
			continue;
		strbuf_reset(&name);
		strbuf_addf(&name, PARAM_PREFIX "%s", job->params[i].name.s);
		b.err = name.err ? name.err : b.err;
		labels_builder_set(&b, name.s, job->params[i].values[0].s);
	}
	strbuf_release(&name);
	labels_builder_set(&b, ADDRESS_LABEL, place->address.s);
	for (size_t i = 0; place->labels && i < place->labels->n; i++)
		set_from_file(&b, &place->labels->items[i]);
	return labels_build(&b, ret);
}

/* *ret is NULL where the target is dropped. */
static int relabel(
	const struct config_scrape *job, const struct labels *discovered, struct labels **ret)
{
	struct labels_builder b = LABELS_BUILDER_INIT;

	labels_builder_add(&b, discovered);
	if (relabel_apply(job->relabels.items, job->relabels.n, &b) || b.err)
		return labels_build(&b, ret);
	labels_builder_release(&b);
	*ret = NULL;
	return 0;
}

static int series_labels_of(const struct labels *relabelled, struct labels **ret)
{
	struct labels_builder b = LABELS_BUILDER_INIT;

	labels_builder_set(&b, LABEL_INSTANCE, labels_get(relabelled, ADDRESS_LABEL));
	for (unsigned i = 0; i < relabelled->n; i++) {
		if (!starts_with(relabelled->v[i].name, "__"))
			labels_builder_set(&b, relabelled->v[i].name, relabelled->v[i].value);
	}
	return labels_build(&b, ret);
}

/* The bytes of a path as Go's url.URL writes them. */
static void add_path(struct strbuf *out, const char *path)
{
	if (*path != '/')
		strbuf_addch(out, '/');
	for (; *path; path++) {
		if (label_name_valid_classic((const char[]){ '_', *path }, 2) ||
			strchr("-.~$&+,/:;=@", *path))
			strbuf_addch(out, *path);
		else
			strbuf_addf(out, "%%%02X", (unsigned char)*path);
	}
}

static void add_param(struct strbuf *out, char *separator, const char *name, const char *value)
{
	strbuf_addch(out, *separator);
	*separator = '&';
	escape_query(out, name, strlen(name));
	strbuf_addch(out, '=');
	escape_query(out, value, strlen(value));
}

static int by_param_name(const void *a, const void *b)
{
	return strcmp((*(const struct config_param *const *)a)->name.s,
		(*(const struct config_param *const *)b)->name.s);
}

/* Sorted by name. The first value of each is the label's, which relabelling may have changed. */
static int add_params(
	struct strbuf *out, const struct config_scrape *job, const struct labels *relabelled)
{
	scoped(freep) const struct config_param **sorted =
		calloc(job->n_params + 1, sizeof(*sorted));
	char separator = '?';

	if (!sorted)
		return -ENOMEM;
	for (size_t i = 0; i < job->n_params; i++)
		sorted[i] = &job->params[i];
	qsort(sorted, job->n_params, sizeof(*sorted), by_param_name);
	for (size_t i = 0; i < job->n_params; i++) {
		const struct config_param *p = sorted[i];
		struct strbuf label = STRBUF_INIT;
		const char *first;

		strbuf_addf(&label, PARAM_PREFIX "%s", p->name.s);
		first = label.err ? NULL : labels_get(relabelled, label.s);
		strbuf_release(&label);
		for (size_t k = 0; k < p->n; k++)
			add_param(out, &separator, p->name.s, k || !first ? p->values[k].s : first);
	}
	for (unsigned i = 0; i < relabelled->n; i++) {
		const char *name = relabelled->v[i].name + strlen(PARAM_PREFIX);
		bool told = !starts_with(relabelled->v[i].name, PARAM_PREFIX);

		for (size_t k = 0; !told && k < job->n_params; k++)
			told = streq(job->params[k].name.s, name);
		if (!told)
			add_param(out, &separator, name, relabelled->v[i].value);
	}
	return 0;
}

static int make_texts(struct target_spec *spec)
{
	struct strbuf url = STRBUF_INIT, identity = STRBUF_INIT;
	const struct labels *d = spec->relabelled;
	const char *path = labels_get(d, PATH_LABEL);
	int err;

	strbuf_addf(&url, "%s://%s", labels_get(d, SCHEME_LABEL), spec->address);
	add_path(&url, path ? path : "/");
	err = add_params(&url, spec->job, d);
	if (!err)
		err = strbuf_finish(&url, &spec->url);
	strbuf_release(&url);
	if (err)
		return err;
	strbuf_addf(&identity, "%s\xff%s\xff", spec->job->job_name.s, spec->url);
	labels_format(spec->labels, &identity);
	return strbuf_finish(&identity, &spec->identity);
}

static int check_address(const struct target_spec *spec, struct diag *diag)
{
	const struct config_text *text = &spec->place->address;
	const char *address = spec->address, *colon;
	int64_t port;

	if (!*address)
		return diag_error(
			diag, text->pos, "a target needs an address, such as localhost:9100");
	if (strchr(address, '/'))
		return diag_error(diag, text->pos,
			"'%s' is not host:port; put the path into metrics_path and the scheme into scheme",
			address);
	for (const char *c = address; *c; c++) {
		if ((unsigned char)*c <= ' ' || strchr("@?#\\\"<>^`{|}", *c))
			return diag_error(diag, text->pos, "'%s' is not host:port", address);
	}
	colon = strrchr(address, ':');
	if (colon && !strchr(colon, ']') &&
		(colon == address || num_parse_int(colon + 1, 0, 65535, &port)))
		return diag_error(
			diag, text->pos, "'%s' has no port between 0 and 65535 after ':'", address);
	return 0;
}

static int check_duration(
	const struct target_spec *spec, const char *label, int64_t *ret, struct diag *diag)
{
	const char *text = labels_get(spec->relabelled, label);

	if (!text || duration_parse(text, strlen(text), ret) || *ret <= 0)
		return diag_error(diag, spec->place->address.pos,
			"%s of '%s' is no duration above 0", label, spec->address);
	return 0;
}

static int check(struct target_spec *spec, struct diag *diag)
{
	const char *scheme = labels_get(spec->relabelled, SCHEME_LABEL);
	int err = check_address(spec, diag);

	if (err)
		return err;
	if (!scheme || (!streq(scheme, "http") && !streq(scheme, "https")))
		return diag_error(diag, spec->place->address.pos,
			"scheme of '%s' must be http or https", spec->address);
	err = check_duration(spec, INTERVAL_LABEL, &spec->interval_ms, diag);
	if (!err)
		err = check_duration(spec, TIMEOUT_LABEL, &spec->timeout_ms, diag);
	if (!err && spec->timeout_ms > spec->interval_ms)
		err = diag_error(diag, spec->place->address.pos,
			"scrape timeout of '%s' is longer than its interval", spec->address);
	return err;
}

int target_spec_init(struct target_spec *spec, const struct config_scrape *job,
	const struct config_target *place, struct diag *diag)
{
	const char *address;
	uint64_t hash;
	int err;

	*spec = (struct target_spec){ .job = job, .place = place };
	err = discovered_labels(job, place, &spec->discovered);
	if (!err)
		err = relabel(job, spec->discovered, &spec->relabelled);
	if (err)
		goto fail;
	if (!spec->relabelled)
		return 0;
	address = labels_get(spec->relabelled, ADDRESS_LABEL);
	spec->address = strdup(address ? address : "");
	err = spec->address ? check(spec, diag) : -ENOMEM;
	if (err)
		goto fail;
	err = series_labels_of(spec->relabelled, &spec->labels);
	if (!err)
		err = make_texts(spec);
	if (err)
		goto fail;
	hash = hash_fnv1a(HASH_FNV1A_INIT, spec->identity, strlen(spec->identity));
	spec->offset_ms = (int64_t)(hash % (uint64_t)spec->interval_ms);
	return 0;
fail:
	target_spec_release(spec);
	return err;
}

void target_spec_release(struct target_spec *spec)
{
	labels_unref(spec->labels);
	labels_unref(spec->discovered);
	labels_unref(spec->relabelled);
	free(spec->address);
	free(spec->url);
	free(spec->identity);
	*spec = (struct target_spec){ 0 };
}

static bool same_text(const struct config_text *a, const struct config_text *b)
{
	return a->s && b->s ? streq(a->s, b->s) : a->s == b->s;
}

static bool same_tls(const struct config_tls *a, const struct config_tls *b)
{
	return a->set == b->set && a->insecure_skip_verify == b->insecure_skip_verify &&
	       same_text(&a->ca_file, &b->ca_file) && same_text(&a->cert_file, &b->cert_file) &&
	       same_text(&a->key_file, &b->key_file) &&
	       same_text(&a->server_name, &b->server_name) &&
	       same_text(&a->min_version, &b->min_version) &&
	       same_text(&a->max_version, &b->max_version);
}

const char *target_spec_server_name(const struct target_spec *spec)
{
	const struct config_tls *tls = &spec->job->tls;

	if (!tls->set || !starts_with(spec->url, "https:") || !tls->server_name.s ||
		!*tls->server_name.s)
		return NULL;
	return tls->server_name.s;
}

static bool same_secret(const struct config_secret *a, const struct config_secret *b)
{
	return same_text(&a->value, &b->value) && same_text(&a->file, &b->file);
}

static bool same_texts(
	const struct config_text *a, size_t n_a, const struct config_text *b, size_t n_b)
{
	bool same = n_a == n_b;

	for (size_t i = 0; same && i < n_a; i++)
		same = same_text(&a[i], &b[i]);
	return same;
}

static bool same_headers(const struct config_headers *a, const struct config_headers *b)
{
	bool same = a->n == b->n;

	for (size_t i = 0; same && i < a->n; i++) {
		const struct config_header *x = &a->items[i], *y = &b->items[i];

		same = same_text(&x->name, &y->name) &&
		       same_texts(x->values, x->n_values, y->values, y->n_values) &&
		       same_texts(x->files, x->n_files, y->files, y->n_files);
	}
	return same;
}

static bool same_http(const struct config_http *a, const struct config_http *b)
{
	return a->basic_auth == b->basic_auth && same_secret(&a->username, &b->username) &&
	       same_secret(&a->password, &b->password) && same_text(&a->auth_type, &b->auth_type) &&
	       same_secret(&a->credentials, &b->credentials) &&
	       same_headers(&a->headers, &b->headers) && same_text(&a->proxy_url, &b->proxy_url) &&
	       same_text(&a->no_proxy, &b->no_proxy) &&
	       a->proxy_from_environment == b->proxy_from_environment &&
	       same_headers(&a->proxy_connect_headers, &b->proxy_connect_headers);
}

static bool same_label_limits(const struct config_limits *a, const struct config_limits *b)
{
	return a->labels == b->labels && a->label_name_bytes == b->label_name_bytes &&
	       a->label_value_bytes == b->label_value_bytes;
}

bool target_spec_same_series(const struct target_spec *a, const struct target_spec *b)
{
	const struct config_relabels *x = &a->job->metric_relabels, *y = &b->job->metric_relabels;

	return a->job->honor_labels == b->job->honor_labels &&
	       a->job->legacy_names == b->job->legacy_names &&
	       same_label_limits(&a->job->limits, &b->job->limits) &&
	       relabel_rules_equal(x->items, x->n, y->items, y->n);
}

bool target_spec_same_settings(const struct target_spec *a, const struct target_spec *b)
{
	const struct config_scrape *x = a->job, *y = b->job;

	return a->interval_ms == b->interval_ms && a->timeout_ms == b->timeout_ms &&
	       target_spec_same_series(a, b) && x->honor_timestamps == y->honor_timestamps &&
	       x->enable_compression == y->enable_compression &&
	       x->follow_redirects == y->follow_redirects &&
	       x->body_size_limit_bytes == y->body_size_limit_bytes &&
	       x->sample_limit == y->sample_limit && same_tls(&x->tls, &y->tls) &&
	       same_http(&x->http, &y->http) &&
	       same_texts(x->protocols.items, x->protocols.n, y->protocols.items, y->protocols.n) &&
	       same_text(&x->escaping, &y->escaping) &&
	       same_text(&x->fallback_scrape_protocol, &y->fallback_scrape_protocol);
}
