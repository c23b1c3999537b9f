/*
 * fixture.h - notifications and settings for the tests of this folder.
 */
#ifndef TOLLD_TESTS_DELIVER_FIXTURE_H
#define TOLLD_TESTS_DELIVER_FIXTURE_H

#include "harness.h"

#include "deliver/deliver.h"
#include "deliver/templates.h"
#include "settings.h"

#define AT_WALL_MS 1795362385000ll /* 2026-11-22 15:46:25 UTC */

/* Pairs "name", "value", ..., NULL. */
#define LABELS(...) labels_of((const char *const[]){ __VA_ARGS__, NULL })

static inline struct labels *labels_of(const char *const *pairs)
{
	struct labels_builder b = LABELS_BUILDER_INIT;
	struct labels *labels;

	for (; *pairs; pairs += 2)
		labels_builder_set(&b, pairs[0], pairs[1]);
	assert_int_equal(labels_build(&b, &labels), 0);
	return labels;
}

/* Takes over both sets. An alert that ends is resolved, and must be added after those that fire. */
static inline struct alert *fixture_add(struct notification *n, struct labels *labels,
	struct labels *annotations, int64_t starts_wall_ms, int64_t ends_wall_ms)
{
	struct alert *alert = alert_new(labels, annotations);

	assert_non_null(alert);
	labels_unref(labels);
	labels_unref(annotations);
	alert->starts_wall_ms = starts_wall_ms;
	alert->ends_wall_ms = ends_wall_ms;
	n->alerts = realloc(n->alerts, (n->n_alerts + 1) * sizeof(*n->alerts));
	assert_non_null(n->alerts);
	n->alerts[n->n_alerts++] = alert;
	n->n_firing += !ends_wall_ms;
	return alert;
}

/* Takes over the group's labels. */
static inline struct notification *fixture_group(struct labels *group)
{
	struct notification *n = notification_new();

	assert_non_null(n);
	memcpy(n->id, "0123456789abcdef0123456789abcdef", 33);
	n->receiver = strdup("alert-email");
	n->integration = strdup("email");
	n->group_key = strdup("{}:{}");
	n->group_labels = group;
	n->at_wall_ms = AT_WALL_MS;
	n->reason = "first notification";
	return n;
}

/* What the owner's machine sends when node_exporter dies. */
static inline struct notification *fixture_seed(void)
{
	struct notification *n = fixture_group(LABELS("alertname", "InstanceDown"));
	struct alert *alert = fixture_add(n,
		LABELS("alertname", "InstanceDown", "instance", "localhost:9100", "job", "node"),
		LABELS("cause", "killed by SIGKILL, sent by bash[4321] of user root"),
		AT_WALL_MS - 70000, 0);

	alert->generator_url = strdup("http://pi:9090/graph?g0.expr=up+%3D%3D+0&g0.tab=1");
	return n;
}

static const struct deliver_options fixture_options = {
	.external_url = "http://pi:9093",
	.hostname = "pi.example.org",
};

/* Of no configuration; the same for all tests of a program. */
static inline struct mail_templates *fixture_templates(void)
{
	static struct mail_templates *templates;

	if (!templates)
		assert_int_equal(mail_templates_new(NULL, NULL, &templates), 0);
	return templates;
}

/* For cmocka_run_group_tests(): a mail's times are local. */
static inline int fixture_in_utc(void **state)
{
	setenv("TZ", "UTC", 1);
	tzset();
	return 0;
}

#define TEXT(t) ((struct config_text){ .s = (char *)(t) })

static inline struct config_email fixture_email(void)
{
	return (struct config_email){
		.to = TEXT("operator@example.org"),
		.from = TEXT("watcher@example.org"),
		.hello = TEXT("localhost"),
		.require_tls = true,
		.force_implicit_tls = -1,
		.host = (char *)"localhost",
		.port = 2587,
	};
}

#endif
