/*
 * Whatever a rule file says: its faults are told with a place inside the text, and what has none is
 * taken, evaluated through slots, events and a jump of the clock, and given up again.
 */
#include "rules/rules.h"

#include <math.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void require(bool true_)
{
	if (!true_)
		abort();
}

/* The state that a restart would find; one alert's end is told with its start before it. */
static void on_alert(const struct alert *alert, void *userdata)
{
	require(alert->labels->n && labels_get(alert->labels, LABEL_ALERTNAME));
	require(!alert->ends_wall_ms || alert->ends_wall_ms >= alert->starts_wall_ms);
}

static void on_keep(const char *key, const char *value, void *userdata)
{
	struct rules *other = userdata;
	const struct instant now = { .boot_ns = 1, .wall_ms = 1 };

	require(key && (!value || !rules_restore(other, key, value, now)));
}

static void on_failed(const char *group, const char *rule, const char *error, void *userdata)
{
	require(group && rule && error && *error);
}

static struct tsdb *make_store(struct series *series[2])
{
	const struct tsdb_options options = TSDB_OPTIONS_DEFAULT;
	struct tsdb *db = NULL;

	require(!tsdb_new(&options, &db));
	for (int i = 0; i < 2; i++) {
		const char *const pairs[][2] = { { "__name__", "up" }, { "job", "a" },
			{ "instance", i ? "x" : "y" } };
		struct labels *labels = labels_new(3, pairs);

		require(labels && !tsdb_series(db, labels, &series[i]));
		labels_unref(labels);
	}
	return db;
}

static void live(const struct config *config)
{
	const struct rules_options options = { .external_url = "http://pi:9090", .boot_id = "b" };
	struct rules_callbacks callbacks = { .alert = on_alert, .failed = on_failed };
	struct instant now = { .boot_ns = 5000 * NSEC_PER_SEC, .wall_ms = 1700000000000 };
	struct rules *rules = NULL, *other = NULL;
	struct series *series[2];
	struct tsdb *db = make_store(series);
	struct group_info *groups;
	struct diag diag = DIAG_INIT;
	size_t n;

	require(!rules_new(db, &options, &callbacks, &other));
	callbacks.keep = on_keep;
	callbacks.userdata = other;
	require(!rules_new(db, &options, &callbacks, &rules));
	require(!rules_configure(rules, config, now, &diag));
	for (int i = 0; i < 8; i++) {
		now.boot_ns += 20 * NSEC_PER_SEC;
		now.wall_ms += 20 * 1000;
		for (int k = 0; k < 2; k++)
			tsdb_append(db, series[k], now.wall_ms, i == 5 ? NAN : (i + k) % 2);
		if (i % 2)
			rules_touch(rules, series_labels(series[i / 2 % 2]));
		rules_step(rules, now);
		require(rules_deadline(rules) > now.boot_ns - NSEC_PER_SEC);
		if (i == 3)
			require(!rules_configure(rules, config, now, &diag));
		if (i == 4) {
			now.wall_ms += 3600000;
			rules_wall_jumped(rules, 3600000, now);
		}
	}
	require(!rules_info(rules, &groups, &n) && n == config->n_groups);
	free(groups);
	require(!rules_configure(other, config, now, &diag));
	rules_free(rules);
	rules_free(other);
	for (int k = 0; k < 2; k++)
		series_unref(series[k]);
	tsdb_free(db);
	diag_release(&diag);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	struct diag diag = DIAG_INIT;
	struct strbuf out = STRBUF_INIT;
	struct config *config = NULL;
	char *text = strndup((const char *)data, size);

	require(text);
	/* Files that a text names would be read: not from here. */
	if (!strstr(text, "_files") && !strstr(text, "templates") &&
		!config_check_text("fuzz.yml", text, &config, &diag)) {
		if (!rules_check(config, &diag))
			live(config);
		else
			require(diag.errors);
	}
	diag_print(&diag, &out);
	config_unref(config);
	strbuf_release(&out);
	diag_release(&diag);
	free(text);
	return 0;
}
