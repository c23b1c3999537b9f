/* Files of targets: read, watched, broken, gone; and what a plan makes of them. */
#include "harness.h"

#include <dirent.h>
#include <sys/stat.h>
#include "base/clock.h"
#include "scrape/plan.h"

struct world {
	char dir[64];
	sd_event *event;
	struct file_sd *sd;
	struct config *config;
	unsigned looks, faults;
	char said[400];
};

static void on_look(void *userdata)
{
	((struct world *)userdata)->looks++;
}

static void on_faults(const struct diag *diag, void *userdata)
{
	struct world *w = userdata;

	w->faults++;
	snprintf(w->said, sizeof(w->said), "%s", diag->entries[0].text);
}

static int set_up(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	const struct file_sd_callbacks callbacks = {
		.look = on_look, .faults = on_faults, .userdata = w
	};

	assert_non_null(w);
	snprintf(w->dir, sizeof(w->dir), "/tmp/tolld-sd-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	assert_true(sd_event_new(&w->event) >= 0);
	assert_int_equal(file_sd_new(w->event, &callbacks, &w->sd), 0);
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;
	DIR *d = opendir(w->dir);
	struct dirent *e;

	file_sd_free(w->sd);
	config_unref(w->config);
	sd_event_unref(w->event);
	while (d && (e = readdir(d)))
		unlinkat(dirfd(d), e->d_name, 0);
	if (d)
		closedir(d);
	rmdir(w->dir);
	free(w);
	return 0;
}

static void put(struct world *w, const char *name, const char *text)
{
	char path[128], fresh[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", w->dir, name);
	snprintf(fresh, sizeof(fresh), "%s/new", w->dir);
	f = fopen(fresh, "we");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	assert_int_equal(rename(fresh, path), 0);
}

static void take_away(struct world *w, const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", w->dir, name);
	assert_int_equal(unlink(path), 0);
}

/* A job j that names the pattern in the world's folder, with more lines of settings. */
static void configure(struct world *w, const char *pattern, const char *more)
{
	struct strbuf text = STRBUF_INIT;
	struct diag diag = DIAG_INIT;

	config_unref(TAKE(w->config));
	strbuf_addf(&text,
		"scrape_configs:\n- job_name: j\n%s  file_sd_configs:\n"
		"  - files: ['%s/%s']\n    refresh_interval: 1h\n",
		more, w->dir, pattern);
	assert_int_equal(config_load_text("t.yml", text.s, &w->config, &diag), 0);
	diag_release(&diag);
	strbuf_release(&text);
}

static bool look(struct world *w)
{
	bool changed;

	assert_int_equal(file_sd_read(w->sd, w->config, &changed), 0);
	return changed;
}

static int add_address(const struct config_target *target, void *userdata)
{
	strbuf_addf(userdata, "%s ", target->address.s);
	return 0;
}

static void assert_targets(struct world *w, const char *expected)
{
	struct strbuf out = STRBUF_INIT;

	assert_int_equal(file_sd_each(w->sd, &w->config->scrapes[0], add_address, &out), 0);
	assert_string_equal(out.s, expected);
	strbuf_release(&out);
}

static void targets_come_and_go_with_their_files(void **state)
{
	struct world *w = *state;

	configure(w, "*.yml", "");
	assert_false(look(w));
	put(w, "b.yml", "- targets: [b1, b2]\n");
	put(w, "a.yml", "- targets: [a1]\n");
	put(w, "a.json", "[{\"targets\": [\"json\"]}]");
	assert_true(look(w));
	assert_targets(w, "a1 b1 b2 ");
	assert_false(look(w));
	put(w, "b.yml", "- targets: [b3]\n");
	assert_true(look(w));
	assert_targets(w, "a1 b3 ");
	take_away(w, "a.yml");
	assert_true(look(w));
	assert_targets(w, "b3 ");
	configure(w, "a.json", "");
	assert_true(look(w));
	assert_targets(w, "json ");
	assert_int_equal(w->faults, 0);
}

static void a_broken_file_keeps_its_targets_and_is_told_once(void **state)
{
	struct world *w = *state;

	configure(w, "a.yml", "");
	put(w, "a.yml", "- targets: [a1]\n");
	assert_true(look(w));
	put(w, "a.yml", "- targets: [a2\n");
	assert_false(look(w));
	assert_false(look(w));
	assert_targets(w, "a1 ");
	assert_int_equal(w->faults, 1);
	put(w, "a.yml", "- target: [a2]\n");
	assert_false(look(w));
	assert_int_equal(w->faults, 2);
	assert_non_null(strstr(w->said, "unknown key 'target'"));
	/* As it was: well again, and told again when it breaks again. */
	put(w, "a.yml", "- targets: [a1]\n");
	assert_false(look(w));
	put(w, "a.yml", "- target: [a2]\n");
	assert_false(look(w));
	assert_int_equal(w->faults, 3);
	put(w, "a.yml", "- targets: [a2]\n");
	assert_true(look(w));
	assert_targets(w, "a2 ");
	assert_int_equal(w->faults, 3);
}

static void a_file_that_cannot_be_read_is_told_once(void **state)
{
	struct world *w = *state;
	char path[128];

	configure(w, "*.yml", "");
	snprintf(path, sizeof(path), "%s/a.yml", w->dir);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_false(look(w));
	assert_false(look(w));
	assert_int_equal(w->faults, 1);
	assert_non_null(strstr(w->said, "cannot read"));
	assert_int_equal(rmdir(path), 0);
}

static void wait_for_look(struct world *w, unsigned n)
{
	int64_t until = clock_boot_ns() + 10 * NSEC_PER_SEC;

	while (w->looks < n && clock_boot_ns() < until)
		sd_event_run(w->event, 100000);
	assert_int_equal(w->looks, n);
}

static void a_change_is_heard_of_and_a_burst_is_one(void **state)
{
	struct world *w = *state;

	configure(w, "*.yml", "");
	look(w);
	file_sd_watch(w->sd, w->config);
	put(w, "notes.txt", "nobody cares\n");
	for (int i = 0; i < 5; i++)
		put(w, "a.yml", "- targets: [a1]\n");
	wait_for_look(w, 1);
	assert_true(look(w));
	file_sd_watch(w->sd, w->config);
	take_away(w, "a.yml");
	wait_for_look(w, 2);
	assert_true(look(w));
	assert_targets(w, "");
}

/* What the world's files and configuration come to. */
static void make(struct world *w, struct plan *plan, struct diag *soft)
{
	struct diag diag = DIAG_INIT;

	look(w);
	*plan = (struct plan){ 0 };
	assert_int_equal(plan_make(plan, w->config, w->sd, &diag, soft), 0);
	assert_int_equal(diag.n, 0);
	diag_release(&diag);
}

static void targets_of_files_are_planned_like_others(void **state)
{
	struct world *w = *state;
	struct diag soft = DIAG_INIT;
	struct plan plan;

	configure(w, "a.yml",
		"  static_configs: [{targets: ['s:1', 'twice:1']}]\n"
		"  relabel_configs: [{source_labels: [__meta_filepath], target_label: file}]\n");
	put(w, "a.yml",
		"- targets: ['f:1', 'f:1']\n  labels: {a: b}\n"
		"- targets: ['f:2']\n  labels: {__scrape_interval__: never}\n");
	make(w, &plan, &soft);
	assert_int_equal(plan.n, 3);
	assert_string_equal(plan.items[2].spec.address, "f:1");
	assert_string_equal(labels_get(plan.items[2].spec.labels, "a"), "b");
	assert_non_null(strstr(labels_get(plan.items[2].spec.labels, "file"), "/a.yml"));
	/* One impossible target costs itself. */
	assert_int_equal(soft.n, 1);
	assert_non_null(strstr(soft.entries[0].text, "__scrape_interval__"));
	diag_release(&soft);
	plan_release(&plan);
}

static void past_target_limit_none_is_scraped(void **state)
{
	struct world *w = *state;
	struct diag soft = DIAG_INIT;
	struct plan plan;

	configure(w, "a.yml", "  target_limit: 2\n  static_configs: [{targets: ['s:1']}]\n");
	put(w, "a.yml", "- targets: ['f:1']\n");
	make(w, &plan, &soft);
	assert_int_equal(plan.n, 2);
	assert_int_equal(plan.items[0].spec.too_many, 0);
	plan_release(&plan);
	put(w, "a.yml", "- targets: ['f:1', 'f:2']\n");
	make(w, &plan, &soft);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(plan.items[i].spec.too_many, 3);
	plan_release(&plan);
	diag_release(&soft);
}

static void of_dropped_targets_only_some_are_kept_and_all_counted(void **state)
{
	struct world *w = *state;
	struct diag soft = DIAG_INIT;
	struct plan plan;

	configure(w, "a.yml",
		"  keep_dropped_targets: 2\n  relabel_configs: [{source_labels: [a], regex: b, "
		"action: drop}]\n");
	put(w, "a.yml",
		"- targets: ['f:1', 'f:2', 'f:3', 'f:4']\n  labels: {a: b}\n- targets: ['f:5']\n");
	make(w, &plan, &soft);
	assert_int_equal(plan.n, 1);
	assert_int_equal(plan.n_dropped, 2);
	assert_int_equal(plan.n_pools, 1);
	assert_int_equal(plan.pools[0].n_dropped, 4);
	assert_int_equal(plan.pools[0].n_targets, 1);
	plan_release(&plan);
	diag_release(&soft);
}

static int read_and_plan(void *userdata)
{
	struct world *w = userdata;
	struct diag diag = DIAG_INIT, soft = DIAG_INIT;
	struct plan plan = { 0 };
	bool changed;
	int err = file_sd_read(w->sd, w->config, &changed);

	if (!err)
		err = plan_make(&plan, w->config, w->sd, &diag, &soft);
	plan_release(&plan);
	diag_release(&diag);
	diag_release(&soft);
	return err;
}

static void survives_memory_running_out(void **state)
{
	struct world *w = *state;

	configure(w, "*.yml", "  static_configs: [{targets: ['s:1']}]\n");
	put(w, "a.yml", "- targets: ['f:1', 'f:2']\n  labels: {a: b}\n");
	put(w, "b.yml", "- targets: ['f:3']\n");
	with_failing_allocations(read_and_plan, w);
}

int main(void)
{
#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		IN_WORLD(targets_come_and_go_with_their_files),
		IN_WORLD(a_broken_file_keeps_its_targets_and_is_told_once),
		IN_WORLD(a_file_that_cannot_be_read_is_told_once),
		IN_WORLD(a_change_is_heard_of_and_a_burst_is_one),
		IN_WORLD(targets_of_files_are_planned_like_others),
		IN_WORLD(past_target_limit_none_is_scraped),
		IN_WORLD(of_dropped_targets_only_some_are_kept_and_all_counted),
		IN_WORLD(survives_memory_running_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
