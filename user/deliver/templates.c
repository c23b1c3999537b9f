/*
 * templates.c - parses and executes the templates of mails.
 *
 * Each file is parsed twice, for plain text and for HTML, because Alertmanager's files hold both. What
 * a text of the settings defines is its own: such a text, and no other, has a set for itself.
 */
#include "deliver/templates.h"

#include <errno.h>
#include "base/map.h"
#include "deliver/data.h"
#include "deliver/functions.h"
#include "deliver/payload.h"

/* One mail's part: as much as message.h lets it have. */
#define MAX_OUTPUT ((size_t)1 << 20)

/* A text of the settings, parsed. */
struct text {
	const char *name;
	struct template_set *set, *own; /* own: it is this text's alone */
};

struct mail_templates {
	struct template_set *sets[2]; /* by enum template_mode; NULL until somebody needs one */
	struct map texts[2];	      /* texts of the settings -> struct text */
	struct arena arena;
	struct source **files; /* the owner's, for sets that are begun later */
	size_t n_files;
	const char *replaced; /* one of the defaults that a file of the owner's has, too */
};

void mail_templates_free(struct mail_templates *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(t->sets); i++) {
		template_set_free(t->sets[i]);
		map_foreach (&t->texts[i], e)
			template_set_free(((struct text *)e->value)->own);
		map_release(&t->texts[i]);
	}
	for (size_t i = 0; i < t->n_files; i++)
		source_unref(t->files[i]);
	free(t->files);
	arena_release(&t->arena);
	free(t);
}

bool mail_templates_replaced(const struct mail_templates *t)
{
	return t->replaced != NULL;
}

static const char *name_of_file(const struct source *source)
{
	const char *slash = strrchr(source->name, '/');

	return slash ? slash + 1 : source->name;
}

/* Begun with our own texts, and the owner's files that were parsed by now. */
static int new_set(struct mail_templates *t, enum template_mode mode, struct template_set **ret,
	struct template_error *err)
{
	scoped(template_set_freep) struct template_set *set = NULL;
	int result = template_set_new(mode, mail_template_functions, &set);

	if (!result)
		result = template_parse(set, "default.tmpl", mail_default_templates,
			strlen(mail_default_templates), err);
	for (size_t i = 0; i < t->n_files && !result; i++)
		result = template_parse(
			set, name_of_file(t->files[i]), t->files[i]->text, t->files[i]->len, err);
	if (!result)
		*ret = TAKE(set);
	return result;
}

/*
 * The set of a mode, begun when it is first asked for: a quarter of a megabyte that a machine where
 * nothing happens does without.
 */
static int set_of(struct mail_templates *t, enum template_mode mode, struct template_set **ret,
	struct template_error *err)
{
	int result = t->sets[mode] ? 0 : new_set(t, mode, &t->sets[mode], err);

	*ret = t->sets[mode];
	return result;
}

/* -- texts of the settings -- */

/* Where it stands in what is printed, a set too many is made, and nothing else happens. */
static bool may_define(const char *text)
{
	return strstr(text, "define") || strstr(text, "block");
}

static int parse_text(struct mail_templates *t, enum template_mode mode, const char *setting,
	const char *text, struct text *to, struct template_error *err)
{
	int result;

	/* A # keeps it apart from names that anybody would give. */
	to->name = arena_printf(&t->arena, "%s#%zu", setting, t->texts[mode].n + 1);
	if (!to->name)
		return -ENOMEM;
	if (may_define(text)) {
		result = new_set(t, mode, &to->own, err);
		to->set = to->own;
	} else {
		result = set_of(t, mode, &to->set, err);
	}
	return result ? result : template_parse(to->set, to->name, text, strlen(text), err);
}

/* Parsed now where it was not yet. */
static int text_of(struct mail_templates *t, enum template_mode mode, const char *setting,
	const char *text, struct text **ret, struct template_error *err)
{
	struct text *found = map_gets(&t->texts[mode], text);
	int result = 0;

	if (!found) {
		found = arena_new(&t->arena, struct text);
		if (!found)
			return -ENOMEM;
		result = parse_text(t, mode, setting, text, found, err);
		if (!result)
			result = map_puts(&t->texts[mode], text, found);
		if (result)
			template_set_free(found->own);
	}
	if (!result)
		*ret = found;
	return result;
}

static int render(struct mail_templates *t, enum template_mode mode, const char *setting,
	const char *text, struct functions_data fd, struct strbuf *out, struct template_error *err)
{
	const struct template_limits limits = { .max_output_bytes = MAX_OUTPUT };
	struct text *parsed;
	int result;

	err->text[0] = '\0';
	result = text_of(t, mode, setting, text, &parsed, err);
	if (!result)
		result = template_execute(
			parsed->set, parsed->name, fd.data, &limits, &fd, out, err);
	return result == -EINVAL && !err->text[0] ? -ENOMEM : result;
}

/* Values that are no notification have no route. */
static bool has_route(const struct tvalue *data)
{
	return data_is(data) && data_notification(data)->route_labels;
}

int mail_templates_render(struct mail_templates *t, enum template_mode mode, const char *setting,
	const char *text, const struct tvalue *data, int64_t now_wall_ms, struct strbuf *out,
	struct template_error *err)
{
	const struct functions_data fd = {
		.now_wall_ms = now_wall_ms, .templates = t, .data = data
	};

	return render(t, mode, setting, text, fd, out, err);
}

int mail_templates_route_label(struct mail_templates *t, const char *name,
	const struct tvalue *data, int64_t now_wall_ms, unsigned depth, struct strbuf *out,
	struct template_error *err)
{
	const struct functions_data fd = {
		.now_wall_ms = now_wall_ms, .templates = t, .data = data, .depth = depth
	};
	const char *text =
		has_route(data) ? labels_get(data_notification(data)->route_labels, name) : NULL;

	if (!text)
		return 0;
	if (strstr(text, "{{"))
		return render(t, TEMPLATE_TEXT, "labels", text, fd, out, err);
	strbuf_adds(out, text);
	return out->err;
}

/* All are parsed before the first is executed: one that runs must not find the set changing. */
static int parse_labels(
	struct mail_templates *t, const struct labels *labels, struct template_error *err)
{
	struct text *parsed;
	int result = 0;

	for (unsigned i = 0; i < labels->n && !result; i++) {
		if (strstr(labels->v[i].value, "{{"))
			result = text_of(
				t, TEMPLATE_TEXT, "labels", labels->v[i].value, &parsed, err);
	}
	return result;
}

int mail_templates_data(struct mail_templates *t, struct arena *arena, const struct notification *n,
	const struct deliver_options *options, struct tvalue *ret, struct template_error *err)
{
	struct labels_builder b = LABELS_BUILDER_INIT;
	struct strbuf text = STRBUF_INIT;
	struct labels *labels = NULL;
	int result = data_new(arena, n, options, ret);

	if (result || !n->route_labels || !n->route_labels->n)
		return result;
	result = parse_labels(t, n->route_labels, err);
	for (unsigned i = 0; i < n->route_labels->n && !result; i++) {
		strbuf_reset(&text);
		result = mail_templates_route_label(
			t, n->route_labels->v[i].name, ret, n->at_wall_ms, 1, &text, err);
		labels_builder_set(&b, n->route_labels->v[i].name, text.s);
	}
	strbuf_release(&text);
	if (result)
		labels_builder_release(&b);
	else
		result = labels_build(&b, &labels);
	if (!result)
		result = data_set_route_labels(arena, ret, labels);
	labels_unref(labels);
	return result;
}

/* -- reading -- */

static int check_text(struct mail_templates *t, enum template_mode mode, const char *setting,
	const struct config_text *text, struct diag *diag)
{
	struct template_error error = { 0 };
	struct text *parsed;
	int err;

	if (!text->s || !strstr(text->s, "{{"))
		return 0;
	err = text_of(t, mode, setting, text->s, &parsed, &error);
	if (err == -EINVAL)
		return diag_error(diag, config_pos_in(text, error.offset, 1),
			"the template of '%s': %s", setting,
			pos_is_hidden(&text->pos) ? "it does not parse" : error.text);
	if (!err && mode == TEMPLATE_HTML)
		err = template_check(parsed->set, parsed->name, &error);
	if (err == -EINVAL)
		return diag_error(diag, text->pos, "the template of '%s': %s", setting, error.text);
	return err;
}

static int check_email(
	struct mail_templates *t, const struct config_email *email, struct diag *diag)
{
	const struct config_text *const texts[] = { &email->to, &email->from, &email->text };
	static const char *const settings[] = { "to", "from", "text" };
	int err = 0, one;

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		one = check_text(t, TEMPLATE_TEXT, settings[i], texts[i], diag);
		err = one ? one : err;
	}
	for (size_t i = 0; i < email->headers.n; i++) {
		one = check_text(t, TEMPLATE_TEXT, email->headers.items[i].name.s,
			&email->headers.items[i].value, diag);
		err = one ? one : err;
	}
	one = check_text(t, TEMPLATE_HTML, "html", &email->html, diag);
	return one ? one : err;
}

/* Every text within a setting, down to the last list. */
static int check_value(struct mail_templates *t, const struct config_integration *integration,
	const char *key, const struct config_value *value, struct diag *diag)
{
	const struct payload_kind *kind = payload_kind(integration->type);
	bool html = kind && kind->is_html && kind->is_html(integration, key);
	int err = 0, one;

	if (value->kind == VALUE_TEXT)
		return check_text(t, html ? TEMPLATE_HTML : TEMPLATE_TEXT, key, &value->text, diag);
	for (size_t i = 0; i < value->n; i++) {
		one = check_value(t, integration, key, &value->items[i], diag);
		err = one ? one : err;
	}
	return err;
}

static int check_integration(
	struct mail_templates *t, const struct config_integration *integration, struct diag *diag)
{
	/* How to talk with the server, which no alert has a part in: a password may hold "{{". */
	static const char *const plain[] = { "http_config", "sigv4" };
	int err = 0, one;

	for (size_t i = 0; i < integration->settings.n; i++) {
		const char *key = integration->settings.keys[i].s;

		if (streq(key, plain[0]) || streq(key, plain[1]))
			continue;
		one = check_value(t, integration, key, &integration->settings.items[i], diag);
		err = one ? one : err;
	}
	return err;
}

/* The labels of routes; those that are inherited come first, and were told where they stand. */
static int check_route(struct mail_templates *t, const struct config_route *route,
	size_t n_inherited, struct diag *diag)
{
	int err = 0, one;

	for (size_t i = n_inherited; i < route->labels.n; i++) {
		one = check_text(t, TEMPLATE_TEXT, route->labels.items[i].name.s,
			&route->labels.items[i].value, diag);
		err = one ? one : err;
	}
	for (size_t i = 0; i < route->n_routes; i++) {
		one = check_route(t, &route->routes[i], route->labels.n, diag);
		err = one ? one : err;
	}
	return err;
}

/* The place of a byte in a file that was read. */
static struct pos pos_in(struct source *source, size_t offset)
{
	struct pos pos = { .source = source, .line = 1, .column = 1 };

	for (size_t i = 0; i < MIN(offset, source->len); i++) {
		pos.column++;
		if (source->text[i] != '\n')
			continue;
		pos.line++;
		pos.column = 1;
	}
	return pos;
}

static int parse_file(struct mail_templates *t, struct source *source, struct diag *diag)
{
	struct template_error error = { 0 };
	struct template_set *set;
	int err = 0;

	for (size_t i = 0; i < ARRAY_SIZE(t->sets) && !err; i++) {
		err = set_of(t, (enum template_mode)i, &set, &error);
		if (!err)
			err = template_parse(
				set, name_of_file(source), source->text, source->len, &error);
	}
	if (err == -EINVAL)
		return diag_error(diag, pos_in(source, error.offset), "%s", error.text);
	if (!err)
		t->files[t->n_files++] = source_ref(source);
	return err;
}

/* Which of the defaults came from another text than ours. */
static void find_replaced(struct mail_templates *t, const char *default_name)
{
	if (!t->sets[TEMPLATE_TEXT])
		return;
	for (size_t i = 0; mail_default_names[i] && !t->replaced; i++) {
		const char *from = template_origin(t->sets[TEMPLATE_TEXT], mail_default_names[i]);

		if (!from || !streq(from, default_name))
			t->replaced = mail_default_names[i];
	}
}

static int read_config(struct mail_templates *t, const struct config *config, struct diag *diag)
{
	int err = 0, one;

	t->files = calloc(MAX(config->n_templates, (size_t)1), sizeof(struct source *));
	if (!t->files)
		return -ENOMEM;
	for (size_t i = 0; i < config->n_templates; i++) {
		one = parse_file(t, config->templates[i], diag);
		err = one ? one : err;
	}
	if (err)
		return err;
	find_replaced(t, "default.tmpl");
	err = config->route ? check_route(t, config->route, 0, diag) : 0;
	for (size_t i = 0; i < config->n_receivers; i++) {
		const struct config_receiver *receiver = &config->receivers[i];

		for (size_t k = 0; k < receiver->n_emails; k++) {
			one = check_email(t, &receiver->emails[k], diag);
			err = one ? one : err;
		}
		for (size_t k = 0; k < receiver->n_maildirs; k++) {
			one = check_email(t, &receiver->maildirs[k].email, diag);
			err = one ? one : err;
		}
		for (size_t k = 0; k < receiver->n_integrations; k++) {
			one = check_integration(t, &receiver->integrations[k], diag);
			err = one ? one : err;
		}
	}
	return err;
}

int mail_templates_new(const struct config *config, struct diag *diag, struct mail_templates **ret)
{
	scoped(mail_templates_freep) struct mail_templates *t = calloc(1, sizeof(*t));
	int err = t ? 0 : -ENOMEM;

	if (!err && config)
		err = read_config(t, config, diag);
	if (err)
		return err;
	*ret = TAKE(t);
	return 0;
}
