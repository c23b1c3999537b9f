/* The README's table of keys that tolld does without says what the sections' own tables say. */
#include "common.h"

#include "config/elsewhere.h"
#include "config/needless.h"

#define BEGIN "### Keys that tolld does without"

struct readme {
	char *text, *end; /* the section with the table */
	unsigned keys;
};

/* The table's row that names the key of a section, or NULL. */
static const char *find_row(const struct readme *r, const char *section, const char *key)
{
	char quoted_key[80], quoted_section[80];

	snprintf(quoted_key, sizeof(quoted_key), "`%s`", key);
	snprintf(quoted_section, sizeof(quoted_section), "| `%s` |", section);
	for (char *line = strstr(r->text, "\n| "); line && line < r->end;
		line = strstr(line + 1, "\n| ")) {
		char *end = strchr(line + 1, '\n'), *found;

		*end = '\0';
		found = strstr(line, quoted_section) ? strstr(line, quoted_key) : NULL;
		*end = '\n';
		if (found)
			return line + 1;
	}
	return NULL;
}

static bool row_has(const char *row, const char *text)
{
	const char *found = strstr(row, text), *end = strchr(row, '\n');

	return found && found < end;
}

static void check_key(struct readme *r, const char *section, const struct schema_key *key)
{
	const char *row = find_row(r, section, key->name);
	const char *fate = key->state == S_LATER ? "| refused |" : "| ignored |";

	if (!row)
		fail_msg("README.md does not tell of '%s' in %s", key->name, section);
	if (!row_has(row, fate) || !row_has(row, key->why))
		fail_msg("README.md tells of '%s' in %s otherwise than: %s, %s", key->name, section,
			fate, key->why);
	r->keys++;
}

/* Each key of the section, and of those in it, that has a reason. */
static void check_section(struct readme *r, const char *section, const struct schema *schema)
{
	for (; schema; schema = schema->more) {
		for (size_t i = 0; i < schema->n; i++) {
			const struct schema_key *key = &schema->keys[i];

			if (key->why)
				check_key(r, section, key);
			else if (key->sub && key->state == S_SERVED)
				check_section(r, key->sub->what, key->sub);
		}
	}
}

/* Keys between backquotes in the last column of the table's rows. */
static unsigned count_keys(const struct readme *r)
{
	unsigned n = 0;

	for (const char *line = strstr(r->text, "\n| `"); line && line < r->end;
		line = strstr(line + 1, "\n| `")) {
		const char *end = strchr(line + 1, '\n'), *at = line;

		for (unsigned column = 0; column < 4 && at < end; at++)
			column += *at == '|';
		for (; at < end; at++)
			n += *at == '`';
	}
	return n / 2;
}

static void the_readme_agrees(void **state)
{
	struct readme r = { 0 };
	size_t len;
	char *text = read_file("README.md", &len);

	r.text = strstr(text, BEGIN);
	assert_non_null(r.text);
	r.end = strstr(r.text + 1, "\n## ");
	assert_non_null(r.end);
	check_section(&r, "the settings", &config_file_schema);
	check_section(&r, "global", &global_schema);
	check_section(&r, "scrape_configs", &scrape_schema);
	check_section(&r, "storage", &storage_schema);
	assert_true(r.keys > 40);
	/* And it tells of no key that the tables do not know. */
	assert_int_equal(count_keys(&r), r.keys);
	free(text);
}

static void they_are_told_with_the_reason(void **state)
{
	static const struct fault_row rows[] = {
		{ "scrape_configs: [{job_name: a, ec2_sd_configs: [{region: x}]}]\n",
			"1:32: error: 'ec2_sd_configs' is refused: tolld watches one machine and asks no "
			"cloud or cluster for targets; name them in static_configs or "
			"file_sd_configs\n" },
		{ "otlp: {promote_resource_attributes: [a]}\n"
		  "scrape_configs: [{job_name: a, native_histogram_bucket_limit: 5}]\n",
			"1:1: warning: 'otlp' is ignored: tolld scrapes, and takes no OTLP\n"
			"2:32: warning: 'native_histogram_bucket_limit' is ignored: tolld keeps floats "
			"and no native histograms\n" },
		{ "storage: {tsdb: {retention: {time: 30d, size: 1GB, percentage: 5},\n"
		  "  out_of_order_time_window: 5m}}\n",
			"1:52: warning: 'percentage' is ignored: say it as size\n"
			"2:3: warning: 'out_of_order_time_window' is ignored: samples come from "
			"tolld's own scrapes, in order\n" },
		{ "storage: {tsdb: {retentoin: {time: 30d}}}\n",
			"1:18: error: unknown key 'retentoin' in tsdb (did you mean 'retention'?)\n" },
	};

	check_rows(rows, ARRAY_SIZE(rows));
}

static void retention_may_stand_in_a_file(void **state)
{
	scoped(config_unrefp) struct config *c = NULL;
	struct diag diag = DIAG_INIT;

	assert_int_equal(
		config_load_text("t.yml", "storage: {tsdb: {retention: {time: 30d, size: 1GB}}}\n",
			&c, &diag),
		0);
	assert_int_equal(c->storage.retention_ms, 30ll * 24 * 3600 * 1000);
	assert_int_equal(c->storage.retention_bytes, 1 << 30);
	diag_release(&diag);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_readme_agrees),
		cmocka_unit_test(they_are_told_with_the_reason),
		cmocka_unit_test(retention_may_stand_in_a_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
