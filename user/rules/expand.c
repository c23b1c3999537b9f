/*
 * expand.c - the texts of labels and annotations.
 */
#include "rules/expand.h"

#include <errno.h>
#include "rules/functions.h"
#include "template/template.h"

/* What Prometheus defines before every text. */
static const char prefix[] = "{{$labels := .Labels}}{{$externalLabels := .ExternalLabels}}"
			     "{{$externalURL := .ExternalURL}}{{$value := .Value}}";

static int parse_one(const struct config_pair *pair, struct expand_pair *to, struct diag *diag)
{
	struct template_error error = { 0 };
	struct strbuf text = STRBUF_INIT;
	int err;

	err = template_set_new(TEMPLATE_TEXT, rule_template_functions, &to->template);
	if (err)
		return err;
	strbuf_adds(&text, prefix);
	strbuf_adds(&text, pair->value.s);
	err = text.err ? text.err
		       : template_parse(to->template, to->name, text.s, text.len, &error);
	strbuf_release(&text);
	if (err == -EINVAL) {
		size_t offset = error.offset - MIN(error.offset, sizeof(prefix) - 1);

		diag_error(diag, config_pos_in(&pair->value, offset, 1), "the template of '%s': %s",
			to->name, error.text);
	}
	return err;
}

int expand_parse(const struct config_pairs *pairs, struct expand_pairs *ret, struct diag *diag)
{
	int err = 0, one;

	*ret = (struct expand_pairs){ 0 };
	if (!pairs->n)
		return 0;
	ret->items = calloc(pairs->n, sizeof(*ret->items));
	if (!ret->items)
		return -ENOMEM;
	for (size_t i = 0; i < pairs->n; i++) {
		const struct config_pair *pair = &pairs->items[i];
		struct expand_pair *to = &ret->items[ret->n++];

		*to = (struct expand_pair){ .name = pair->name.s,
			.text = pair->value.s ? pair->value.s : "" };
		if (!to->name || !strstr(to->text, "{{"))
			continue;
		one = parse_one(pair, to, diag);
		err = one ? one : err;
	}
	return err;
}

void expand_release(struct expand_pairs *pairs)
{
	for (size_t i = 0; i < pairs->n; i++)
		template_set_free(pairs->items[i].template);
	free(pairs->items);
	*pairs = (struct expand_pairs){ 0 };
}

/* The data of one expansion: a struct, so that a slip of the pen in a name is told. */
struct root {
	struct tvalue labels, external_labels, external_url, value;
	struct tvalue_pair pairs[4];
};

static int make_root(
	struct arena *arena, const struct expand_data *data, struct root *root, struct tvalue *ret)
{
	int err;

	err = labels_to_tvalue(arena, data->labels, &root->labels);
	if (!err)
		err = labels_to_tvalue(arena, data->external_labels, &root->external_labels);
	if (err)
		return err;
	root->external_url = tvalue_string(data->external_url, strlen(data->external_url));
	root->value = tvalue_float(data->value);
	root->pairs[0] = (struct tvalue_pair){ "Labels", &root->labels };
	root->pairs[1] = (struct tvalue_pair){ "ExternalLabels", &root->external_labels };
	root->pairs[2] = (struct tvalue_pair){ "ExternalURL", &root->external_url };
	root->pairs[3] = (struct tvalue_pair){ "Value", &root->value };
	*ret = (struct tvalue){ .type = TVALUE_MAP,
		.map = { .pairs = root->pairs,
			.n = ARRAY_SIZE(root->pairs),
			.struct_type = "template.AlertTemplateData" } };
	return 0;
}

static void expand_one(const struct expand_pair *pair, const struct expand_data *data,
	const struct tvalue *root, struct strbuf *out)
{
	struct template_error error = { 0 };
	int err;

	err = template_execute(pair->template, pair->name, root, NULL, (void *)data, out, &error);
	if (err)
		strbuf_addf(out, "<error expanding template: %s>",
			error.text[0] ? error.text : "out of memory");
}

void expand_apply(
	const struct expand_pairs *pairs, const struct expand_data *data, struct labels_builder *b)
{
	struct arena arena = ARENA_INIT;
	struct tvalue value = { 0 };
	struct root root;
	bool have_root = false;

	for (size_t i = 0; i < pairs->n; i++) {
		const struct expand_pair *pair = &pairs->items[i];
		struct strbuf out = STRBUF_INIT;

		if (!pair->template) {
			labels_builder_set(b, pair->name, pair->text);
			continue;
		}
		if (!have_root && make_root(&arena, data, &root, &value)) {
			b->err = -ENOMEM;
			break;
		}
		have_root = true;
		expand_one(pair, data, &value, &out);
		labels_builder_set(b, pair->name, out.s);
		if (out.err)
			b->err = -ENOMEM;
		strbuf_release(&out);
	}
	arena_release(&arena);
}
