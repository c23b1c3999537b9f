/*
 * load.c - from files to one configuration: all faults of all files in one run.
 *
 * First every file becomes a tree; then `global` of all files is merged, because the other sections
 * inherit from it; then the sections are read file by file; then names are looked up that another
 * file may define.
 */
#include <errno.h>
#include <glob.h>
#include "config/defaults.h"
#include "config/elsewhere.h"
#include "config/needless.h"
#include "config/original.h"

static const struct schema_key file_keys[] = {
	QUIET("global", S_ANY), /* merged by config_read_global() */
	CUSTOM("rule_files", config_read_rule_files),
	CUSTOM("scrape_configs", config_read_scrapes),
	CUSTOM("scrape_config_files", config_read_scrape_files),
	CUSTOM("alerting", config_read_alerting),
	CUSTOM("route", config_read_route),
	CUSTOM("receivers", config_read_receivers),
	CUSTOM("inhibit_rules", config_read_inhibit),
	CUSTOM("time_intervals", config_read_intervals),
	CUSTOM("mute_time_intervals", config_read_intervals),
	CUSTOM("templates", config_read_templates),
	CUSTOM("watch", config_read_watch),
	{ .name = "runtime", .type = S_MAP, .state = S_SERVED, .sub = &runtime_schema },
	CUSTOM("storage", config_read_storage),
	NEEDLESS_IN("tracing", S_MAP, tracing_schema, "tolld sends no traces"),
	NEEDLESS_IN("otlp", S_MAP, otlp_schema, "tolld scrapes, and takes no OTLP"),
	IGNORED_IN("remote_write", S_LIST, remote_write_schema),
	NEEDLESS_IN("remote_read", S_LIST, remote_read_schema,
		"queries are answered from tolld's own samples"),
	IGNORED("event_recorder", S_ANY),
};
const struct schema config_file_schema = SCHEMA("the settings", file_keys, NULL);

static void reader_release(struct reader *r)
{
	arena_release(&r->trees);
	map_release(&r->read_files);
	map_release(&r->jobs);
	map_release(&r->receiver_names);
	config_unref(r->config);
}

static int reader_init(struct reader *r, struct diag *diag)
{
	*r = (struct reader){ .diag = diag };
	r->config = calloc(1, sizeof(*r->config));
	if (!r->config)
		return -ENOMEM;
	r->config->refs = 1;
	return 0;
}

static void read_template(struct reader *r, const char *path, struct pos pos)
{
	struct config *c = r->config;
	struct source *source;

	if (!reader_open(r, path, pos, &source))
		return;
	if (!arena_reserve(&c->arena, c->templates, c->n_templates, c->cap_templates)) {
		reader_no_memory(r);
		return;
	}
	c->templates[c->n_templates++] = source;
}

/* A pattern without a file is none at fault: the file may come later, as in Alertmanager. */
void config_read_templates(struct reader *r, const struct tree_pair *pair, void *out)
{
	size_t n = reader_list(r, pair);
	struct config_text text;
	glob_t found;
	char *path;

	for (size_t i = 0; i < n; i++) {
		if (!reader_item_text(r, "templates", pair->value->items[i], &text) || !*text.s)
			continue;
		path = reader_path(r, pair->value->items[i]);
		if (!path)
			return;
		found = (glob_t){ 0 };
		if (!glob(path, 0, NULL, &found)) {
			for (size_t k = 0; k < found.gl_pathc; k++)
				read_template(r, found.gl_pathv[k], pair->value->items[i]->pos);
		}
		globfree(&found);
	}
}

static void add_file(struct reader *r, struct source *source)
{
	struct reader_file file = { .source = source };
	int err;

	reader_hide_secrets(source);
	err = tree_parse(source, &r->trees, r->diag, &file.root);
	reader_hide_rest(source, file.root);
	if (err == -ENOMEM)
		reader_no_memory(r);
	else if (err)
		r->broken = true;
	else if (file.root && file.root->null)
		file.root = NULL;
	if (err)
		return;
	if (file.root && file.root->kind != TREE_MAP) {
		diag_error(r->diag, file.root->pos, "settings must be a mapping, not %s",
			tree_describe(file.root));
		r->broken = true;
		return;
	}
	if (!arena_reserve(&r->trees, r->files, r->n_files, r->cap_files)) {
		reader_no_memory(r);
		return;
	}
	r->files[r->n_files++] = file;
}

static void add_text(struct reader *r, const char *name, const char *text)
{
	scoped(source_unrefp) struct source *source = source_new(name, text, strlen(text));

	if (!source)
		reader_no_memory(r);
	else if (reader_add_source(r, source))
		add_file(r, source);
}

/* A run that says nothing at all is a mistake; a file among others may be empty. */
static void check_empty(struct reader *r)
{
	size_t empty = 0;

	for (size_t i = 0; i < r->n_files; i++)
		empty += !r->files[i].root || !r->files[i].root->n;
	for (size_t i = 0; i < r->n_files; i++) {
		struct pos pos = { .source = r->files[i].source };

		if (r->files[i].root && r->files[i].root->n)
			continue;
		if (empty == r->n_files && !r->broken && !r->config->n_groups)
			diag_error(r->diag, pos,
				"the file is empty: no route provided in config, and nothing else");
		else
			diag_warning(r->diag, pos, "the file is empty");
	}
}

static void read_sections(struct reader *r)
{
	config_read_global(r);
	if (r->err)
		return;
	for (size_t i = 0; i < r->n_files; i++) {
		if (r->files[i].root)
			schema_read(r, &config_file_schema, r->files[i].root, r);
	}
	check_empty(r);
	config_check_route(r);
	config_check_receivers(r);
	config_write_original(r);
}

/* Hands the configuration over, where nothing was wrong. `before` is what diag had before the run. */
static int finish(struct reader *r, size_t errors_before, struct config **ret)
{
	int err = r->err;

	if (!err && r->diag->errors > errors_before)
		err = -EINVAL;
	if (!err)
		*ret = TAKE(r->config);
	reader_release(r);
	return err;
}

int config_load(const char *const *paths, size_t n_paths, struct config **ret, struct diag *diag)
{
	size_t errors = diag->errors;
	struct source *source;
	struct reader r;

	if (reader_init(&r, diag))
		return -ENOMEM;
	for (size_t i = 0; i < n_paths && !r.err; i++) {
		if (reader_open(&r, paths[i], (struct pos){ 0 }, &source))
			add_file(&r, source);
	}
	if (!r.err)
		read_sections(&r);
	return finish(&r, errors, ret);
}

int config_load_text(const char *name, const char *text, struct config **ret, struct diag *diag)
{
	size_t errors = diag->errors;
	struct reader r;

	if (reader_init(&r, diag))
		return -ENOMEM;
	add_text(&r, name, text);
	if (!r.err)
		read_sections(&r);
	return finish(&r, errors, ret);
}

int config_load_defaults(const char *own_address, struct config **ret, struct diag *diag)
{
	scoped(source_unrefp) struct source *rules = NULL;
	struct strbuf settings = STRBUF_INIT;
	size_t errors = diag->errors, len;
	const char *text;
	struct reader r;

	if (reader_init(&r, diag))
		return -ENOMEM;
	config_default_settings(&settings, own_address);
	if (settings.err)
		reader_no_memory(&r);
	else
		add_text(&r, "<built-in>", settings.s);
	strbuf_release(&settings);
	if (!r.err)
		read_sections(&r);
	r.config->watch_all = true;
	text = config_default_rules(&len);
	rules = source_new("<built-in rules>", text, len);
	if (!rules)
		reader_no_memory(&r);
	else if (reader_add_source(&r, rules))
		config_read_rule_source(&r, rules);
	return finish(&r, errors, ret);
}

/* A rule file has `groups`, which no settings have. */
static bool is_rule_file(struct reader *r, struct source *source)
{
	scoped(arena_release) struct arena trees = ARENA_INIT;
	struct diag unused = DIAG_INIT;
	struct tree_node *root = NULL;
	int err;

	err = tree_parse(source, &trees, &unused, &root);
	diag_release(&unused);
	if (err == -ENOMEM)
		reader_no_memory(r);
	return !err && tree_get(root, "groups");
}

static void check_source(struct reader *r, struct source *source)
{
	if (is_rule_file(r, source)) {
		config_read_global(r);
		config_read_rule_source(r, source);
	} else if (!r->err) {
		add_file(r, source);
		read_sections(r);
	}
}

int config_check_file(const char *path, struct config **ret, struct diag *diag)
{
	size_t errors = diag->errors;
	struct source *source;
	struct reader r;

	if (reader_init(&r, diag))
		return -ENOMEM;
	if (reader_open(&r, path, (struct pos){ 0 }, &source))
		check_source(&r, source);
	return finish(&r, errors, ret);
}

int config_salvage(const char *const *paths, size_t n_paths, struct config **ret)
{
	struct diag told_before = DIAG_INIT;
	struct source *source;
	struct reader r;
	int err;

	if (reader_init(&r, &told_before))
		return -ENOMEM;
	config_read_global(&r);
	for (size_t i = 0; i < n_paths && !r.err; i++) {
		if (!reader_open(&r, paths[i], (struct pos){ 0 }, &source))
			continue;
		if (is_rule_file(&r, source))
			config_read_rule_source(&r, source);
		else
			add_file(&r, source);
	}
	if (!r.err)
		read_sections(&r);
	err = r.err;
	if (!err)
		*ret = TAKE(r.config);
	reader_release(&r);
	diag_release(&told_before);
	return err;
}

int config_check_text(const char *name, const char *text, struct config **ret, struct diag *diag)
{
	scoped(source_unrefp) struct source *source = NULL;
	size_t errors = diag->errors;
	struct reader r;

	if (reader_init(&r, diag))
		return -ENOMEM;
	source = source_new(name, text, strlen(text));
	if (!source)
		reader_no_memory(&r);
	else if (reader_add_source(&r, source))
		check_source(&r, source);
	return finish(&r, errors, ret);
}

struct config *config_ref(const struct config *config)
{
	struct config *c = (struct config *)config;

	c->refs++;
	return c;
}

void config_unref(struct config *config)
{
	if (!config || --config->refs)
		return;
	for (size_t i = 0; i < config->n_sources; i++)
		source_unref(config->sources[i]);
	for (size_t i = 0; i < config->all_relabels.n; i++)
		relabel_rule_free(config->all_relabels.items[i]);
	arena_release(&config->arena);
	free(config);
}
