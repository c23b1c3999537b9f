/* What a configuration makes of an address: URL, labels, faults. */
#include "harness.h"

#include "scrape/target.h"
#include "settings.h"

static struct config *config(const char *scrape_config)
{
	struct strbuf text = STRBUF_INIT;
	struct config *c;

	strbuf_addf(&text, "scrape_configs:\n- job_name: j\n%s", scrape_config);
	c = config_of(text.s);
	strbuf_release(&text);
	return c;
}

static char *labels_text(const struct labels *labels)
{
	struct strbuf out = STRBUF_INIT;
	char *text;

	labels_format(labels, &out);
	assert_int_equal(strbuf_finish(&out, &text), 0);
	return text;
}

static void urls_and_labels_follow_the_file(void **state)
{
	static const struct {
		const char *yaml, *url, *labels;
	} rows[] = {
		{ "  static_configs: [{targets: ['localhost:9100']}]\n",
			"http://localhost:9100/metrics",
			"{instance=\"localhost:9100\", job=\"j\"}" },
		{ "  scheme: https\n  metrics_path: /a b/%?\n  static_configs: [{targets: ['[::1]:9100']}]\n",
			"https://[::1]:9100/a%20b/%25%3F", "{instance=\"[::1]:9100\", job=\"j\"}" },
		{ "  params: {z: [1, 'x&y'], a: ['b c']}\n  static_configs: [{targets: [h]}]\n",
			"http://h/metrics?a=b+c&z=1&z=x%26y", "{instance=\"h\", job=\"j\"}" },
		{ "  static_configs: [{targets: ['h:1'], labels: {team: x, instance: y}}]\n",
			"http://h:1/metrics", "{instance=\"y\", job=\"j\", team=\"x\"}" },
		{ "  params: {module: [a]}\n"
		  "  static_configs: [{targets: ['h:1'], labels: {job: k, __metrics_path__: /m, "
		  "__param_module: b, __param_other: c, __scheme__: https}}]\n",
			"https://h:1/m?module=b&other=c", "{instance=\"h:1\", job=\"k\"}" },
		/* An empty label leaves the default, and the block does not move its targets. */
		{ "  static_configs: [{targets: ['h:1'], labels: {job: '', __address__: 'x:2'}}]\n",
			"http://h:1/metrics", "{instance=\"h:1\", job=\"j\"}" },
		/* The multi-target pattern: the address becomes a parameter, another one is asked. */
		{ "  metrics_path: /probe\n  params: {module: [http_2xx, b], target: [t]}\n"
		  "  static_configs: [{targets: ['example.org']}]\n  relabel_configs:\n"
		  "  - {source_labels: [__address__], target_label: __param_target}\n"
		  "  - {source_labels: [__param_target], target_label: instance}\n"
		  "  - {target_label: __address__, replacement: 'prober:9115'}\n",
			"http://prober:9115/probe?module=http_2xx&module=b&target=example.org",
			"{instance=\"example.org\", job=\"j\"}" },
		{ "  static_configs: [{targets: ['h:1'], labels: {__meta_a: x, __tmp: y}}]\n"
		  "  relabel_configs:\n"
		  "  - {action: labelmap, regex: __meta_(.+)}\n"
		  "  - {target_label: __scheme__, replacement: https}\n"
		  "  - {target_label: __metrics_path__, replacement: '/${1}m'}\n"
		  "  - {target_label: job, replacement: k}\n",
			"https://h:1/m", "{a=\"x\", instance=\"h:1\", job=\"k\"}" },
		/* A parameter whose label goes keeps what the job says. */
		{ "  params: {a: [b]}\n  static_configs: [{targets: ['h:1']}]\n"
		  "  relabel_configs: [{action: labeldrop, regex: __param_a|job}]\n",
			"http://h:1/metrics?a=b", "{instance=\"h:1\"}" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		scoped(config_unrefp) struct config *c = config(rows[i].yaml);
		scoped(freep) char *labels = NULL;
		struct diag diag = DIAG_INIT;
		struct target_spec spec;

		assert_int_equal(
			target_spec_init(&spec, &c->scrapes[0], &c->scrapes[0].targets[0], &diag),
			0);
		labels = labels_text(spec.labels);
		assert_string_equal(spec.url, rows[i].url);
		assert_string_equal(labels, rows[i].labels);
		assert_in_range(spec.offset_ms, 0, spec.interval_ms - 1);
		target_spec_release(&spec);
		diag_release(&diag);
	}
}

static void relabelling_drops_and_retimes_targets(void **state)
{
	scoped(config_unrefp) struct config *c =
		config("  static_configs: [{targets: ['a:1', 'b:1', 'c:1', 'd:1']}]\n"
		       "  relabel_configs:\n"
		       "  - {source_labels: [__address__], regex: 'a:.*', action: drop}\n"
		       "  - {source_labels: [__address__], regex: 'b:.*', replacement: 30s,\n"
		       "     target_label: __scrape_interval__}\n"
		       "  - {source_labels: [__address__], regex: 'c:.*', replacement: 2m,\n"
		       "     target_label: __scrape_timeout__}\n"
		       "  - {source_labels: [__address__], regex: 'd:.*', replacement: '',\n"
		       "     target_label: __address__}\n");
	const struct config_scrape *job = &c->scrapes[0];
	struct diag diag = DIAG_INIT;
	struct target_spec spec;

	assert_int_equal(target_spec_init(&spec, job, &job->targets[0], &diag), 0);
	assert_null(spec.relabelled);
	assert_string_equal(labels_get(spec.discovered, "__address__"), "a:1");
	target_spec_release(&spec);

	assert_int_equal(target_spec_init(&spec, job, &job->targets[1], &diag), 0);
	assert_int_equal(spec.interval_ms, 30000);
	assert_string_equal(labels_get(spec.discovered, "__scrape_interval__"), "1m");
	target_spec_release(&spec);

	assert_int_equal(target_spec_init(&spec, job, &job->targets[2], &diag), -EINVAL);
	assert_int_equal(target_spec_init(&spec, job, &job->targets[3], &diag), -EINVAL);
	assert_int_equal(diag.errors, 2);
	assert_string_equal(
		diag.entries[0].text, "scrape timeout of 'c:1' is longer than its interval");
	assert_string_equal(
		diag.entries[1].text, "a target needs an address, such as localhost:9100");
	diag_release(&diag);
}

static void impossible_targets_are_told(void **state)
{
	static const struct {
		const char *address, *wanted;
	} rows[] = {
		{ "", "a target needs an address, such as localhost:9100" },
		{ "http://localhost:9100",
			"'http://localhost:9100' is not host:port; put the path into "
			"metrics_path and the scheme into scheme" },
		{ "host:9100x", "'host:9100x' has no port between 0 and 65535 after ':'" },
		{ "host:99999", "'host:99999' has no port between 0 and 65535 after ':'" },
		{ ":9100", "':9100' has no port between 0 and 65535 after ':'" },
		{ "a b:1", "'a b:1' is not host:port" },
		{ "user@host:1", "'user@host:1' is not host:port" },
	};
	char address[64];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct config_scrape job = {
			.job_name.s = (char *)"j", .interval_ms = 1000, .timeout_ms = 1000
		};
		struct config_target place = { .address.s = address };
		struct diag diag = DIAG_INIT;
		struct target_spec spec;

		snprintf(address, sizeof(address), "%s", rows[i].address);
		assert_int_equal(target_spec_init(&spec, &job, &place, &diag), -EINVAL);
		assert_int_equal(diag.n, 1);
		assert_string_equal(diag.entries[0].text, rows[i].wanted);
		diag_release(&diag);
	}
}

static void targets_are_spread_over_the_interval(void **state)
{
	scoped(config_unrefp) struct config *c = config(
		"  static_configs: [{targets: ['h:1', 'h:2', 'h:3', 'h:4', 'h:5', 'h:6', 'h:7', "
		"'h:8']}]\n");
	struct diag diag = DIAG_INIT;
	unsigned quarters = 0;

	for (size_t i = 0; i < 8; i++) {
		struct target_spec spec;

		assert_int_equal(
			target_spec_init(&spec, &c->scrapes[0], &c->scrapes[0].targets[i], &diag),
			0);
		quarters |= 1u << (spec.offset_ms * 4 / spec.interval_ms);
		target_spec_release(&spec);
	}
	assert_true(__builtin_popcount(quarters) >= 3);
}

static int make_one(void *userdata)
{
	struct config *c = userdata;
	struct diag diag = DIAG_INIT;
	struct target_spec spec = { 0 };
	int err = target_spec_init(&spec, &c->scrapes[0], &c->scrapes[0].targets[0], &diag);

	target_spec_release(&spec);
	diag_release(&diag);
	return err;
}

static void survives_memory_running_out(void **state)
{
	scoped(config_unrefp) struct config *c = config(
		"  params: {a: [b]}\n  static_configs: [{targets: ['h:1'], labels: {l: v}}]\n");

	with_failing_allocations(make_one, c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(urls_and_labels_follow_the_file),
		cmocka_unit_test(relabelling_drops_and_retimes_targets),
		cmocka_unit_test(impossible_targets_are_told),
		cmocka_unit_test(targets_are_spread_over_the_interval),
		cmocka_unit_test(survives_memory_running_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
