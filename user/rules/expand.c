/*
 * expand.c - the texts of labels and annotations.
 */
#include "rules/expand.h"

#include <errno.h>

int expand_parse(const struct config_pairs *pairs, struct expand_pairs *ret, struct diag *diag)
{
	int err = 0;

	*ret = (struct expand_pairs){ 0 };
	if (!pairs->n)
		return 0;
	ret->items = calloc(pairs->n, sizeof(*ret->items));
	if (!ret->items)
		return -ENOMEM;
	for (size_t i = 0; i < pairs->n; i++) {
		const struct config_pair *pair = &pairs->items[i];

		ret->items[ret->n++] = (struct expand_pair){ .name = pair->name.s,
			.text = pair->value.s ? pair->value.s : "" };
		if (pair->value.s && strstr(pair->value.s, "{{"))
			err = diag_error(diag, pair->value.pos,
				"templates in '%s' are not served yet by this version of tolld; "
				"write the text without {{ }}", pair->name.s);
	}
	return err;
}

void expand_release(struct expand_pairs *pairs)
{
	free(pairs->items);
	*pairs = (struct expand_pairs){ 0 };
}

void expand_apply(const struct expand_pairs *pairs, const struct expand_data *data,
	struct labels_builder *b)
{
	for (size_t i = 0; i < pairs->n; i++)
		labels_builder_set(b, pairs->items[i].name, pairs->items[i].text);
}
