/*
 * file_sd.c - file_sd_configs, and the files of targets that they name.
 *
 * Such a file is read again and again while tolld runs, so it becomes a configuration of its own, of
 * one job and its targets, that is counted like any other. Source: prometheus discovery/file/file.go.
 */
#include "config/file_sd.h"

#include <errno.h>
#include <jansson.h>
#include "config/schema.h"

#define DEFAULT_REFRESH_MS (5 * 60 * 1000)

static void read_files(struct reader *r, const struct tree_pair *pair, void *out);

static const struct schema_key file_sd_keys[] = {
	CUSTOM("files", read_files),
	SERVED("refresh_interval", S_DURATION, struct config_file_sd, refresh_ms),
};
static const struct schema file_sd_schema = SCHEMA("file_sd_configs", file_sd_keys, NULL);

/* As Prometheus: .json, .yml or .yaml, and stars only in the last part of the path. */
static bool pattern_valid(const char *s)
{
	static const char *const endings[] = { ".json", ".yml", ".yaml", ".JSON", ".YML", ".YAML" };
	const char *dot = strrchr(s, '.'), *star = strchr(s, '*');
	bool known = false;

	for (size_t i = 0; dot && i < ARRAY_SIZE(endings); i++)
		known |= streq(dot, endings[i]);
	return known && !(star && strchr(star, '/'));
}

static void read_files(struct reader *r, const struct tree_pair *pair, void *out)
{
	struct config_texts *files = &((struct config_file_sd *)out)->files;
	size_t n = reader_list(r, pair);
	struct config_text text;

	for (size_t i = 0; i < n; i++) {
		const struct tree_node *item = pair->value->items[i];

		if (!reader_item_text(r, "files", item, &text))
			continue;
		if (!pattern_valid(text.s)) {
			diag_error(r->diag, item->pos,
				"path name \"%s\" is not valid for file discovery: it ends in .json, "
				".yml or .yaml, and '*' may stand only in its last part",
				text.s);
			continue;
		}
		text.s = reader_path(r, item);
		if (!text.s)
			return;
		if (!arena_reserve(&r->config->arena, files->items, files->n, files->cap)) {
			reader_no_memory(r);
			return;
		}
		files->items[files->n++] = text;
	}
}

void config_read_file_sds(
	struct reader *r, const struct tree_pair *pair, struct config_scrape *scrape)
{
	size_t n = reader_list(r, pair);

	for (size_t i = 0; i < n; i++) {
		const struct tree_node *node = pair->value->items[i];
		struct config_file_sd sd = { .refresh_ms = DEFAULT_REFRESH_MS };
		size_t errors = r->diag->errors;

		schema_read(r, &file_sd_schema, node, &sd);
		if (!sd.files.n && r->diag->errors == errors)
			diag_error(r->diag, node->pos,
				"file service discovery config must contain at least one path name");
		if (sd.refresh_ms <= 0)
			sd.refresh_ms = DEFAULT_REFRESH_MS;
		if (!arena_reserve(&r->config->arena, scrape->file_sds, scrape->n_file_sds,
			    scrape->cap_file_sds)) {
			reader_no_memory(r);
			return;
		}
		scrape->file_sds[scrape->n_file_sds++] = sd;
	}
}

/* -- the files --------------------------------------------------------------------------------- */

static bool is_json(const char *path)
{
	const char *dot = strrchr(path, '.');

	return dot && (streq(dot, ".json") || streq(dot, ".JSON"));
}

/* Where jansson counts a column in characters, we do in bytes: near enough to find the place. */
static struct pos json_pos(struct source *source, const json_error_t *error)
{
	return (struct pos){ .source = source,
		.line = error->line > 0 ? (unsigned)error->line : 0,
		.column = error->column > 0 ? (unsigned)error->column : 1 };
}

/* YAML cannot say all of JSON in JSON's words; written out anew, it can. */
static int parse_rewritten(
	struct reader *r, struct source *source, json_t *json, struct tree_node **ret)
{
	scoped(source_unrefp) struct source *plain = NULL;
	scoped(freep) char *text = json_dumps(json, JSON_INDENT(1));

	plain = text ? source_new(source->name, text, strlen(text)) : NULL;
	if (!plain || !reader_add_source(r, plain))
		return -ENOMEM;
	return tree_parse(plain, &r->trees, r->diag, ret);
}

static int parse_json(struct reader *r, struct source *source, struct tree_node **ret)
{
	struct diag unused = DIAG_INIT;
	json_error_t error;
	json_t *json = json_loadb(source->text, source->len, 0, &error);
	int err;

	if (!json)
		return diag_error(r->diag, json_pos(source, &error), "not valid JSON: %s",
			json_error_code(&error) == json_error_null_character ||
					json_error_code(&error) == json_error_null_byte_in_key
				? "a text holds a NUL character"
				: error.text);
	err = tree_parse(source, &r->trees, &unused, ret);
	if (err == -EINVAL || unused.errors)
		err = parse_rewritten(r, source, json, ret);
	diag_release(&unused);
	json_decref(json);
	return err;
}

static void add_path(struct reader *r, struct config_scrape *scrape, const char *path)
{
	static char meta[] = "__meta_filepath";
	char *value = arena_strdup(&r->config->arena, path);

	for (size_t i = 0; value && i < scrape->n_targets; i++) {
		/* Every target of a group shares the group's labels. */
		struct config_pairs *labels = (struct config_pairs *)scrape->targets[i].labels;
		struct config_pair pair = { .name = { .s = meta }, .value = { .s = value } };

		if (labels->n && labels->items[labels->n - 1].value.s == value)
			continue;
		if (!arena_reserve(&r->config->arena, labels->items, labels->n, labels->cap)) {
			reader_no_memory(r);
			return;
		}
		labels->items[labels->n++] = pair;
	}
	if (!value)
		reader_no_memory(r);
}

static void read_groups(struct reader *r, const struct tree_node *root, const char *path)
{
	struct config *c = r->config;
	struct config_scrape scrape = { 0 };

	if (root && root->kind != TREE_LIST && !root->null) {
		diag_error(r->diag, root->pos,
			"a file of targets must be a list of mappings with targets and labels, not %s",
			tree_describe(root));
		return;
	}
	for (size_t i = 0; root && root->kind == TREE_LIST && i < root->n; i++) {
		if (root->items[i]->null)
			diag_error(r->diag, root->items[i]->pos,
				"nil target group item found (index %zu)", i);
		else
			config_read_static_config(r, &scrape, root->items[i]);
	}
	add_path(r, &scrape, path);
	if (!arena_reserve(&c->arena, c->scrapes, c->n_scrapes, c->cap_scrapes))
		reader_no_memory(r);
	else
		c->scrapes[c->n_scrapes++] = scrape;
}

int config_load_targets(
	const char *path, const char *text, size_t len, struct config **ret, struct diag *diag)
{
	struct reader r = { .diag = diag };
	struct tree_node *root = NULL;
	struct source *source;
	size_t errors = diag->errors;
	int err = 0;

	r.config = calloc(1, sizeof(*r.config));
	if (!r.config)
		return -ENOMEM;
	r.config->refs = 1;
	source = source_new(path, text, len);
	if (!source || !reader_add_source(&r, source))
		err = -ENOMEM;
	if (!err)
		err = is_json(path) ? parse_json(&r, source, &root)
				    : tree_parse(source, &r.trees, diag, &root);
	if (!err)
		read_groups(&r, root, path);
	source_unref(source);
	err = err ? err : r.err ? r.err : diag->errors > errors ? -EINVAL : 0;
	if (!err)
		*ret = TAKE(r.config);
	arena_release(&r.trees);
	config_unref(r.config);
	return err;
}
