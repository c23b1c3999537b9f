/*
 * set.c - a set of templates that see each other.
 */
#include "template/html.h"

#include <errno.h>

int template_set_new(enum template_mode mode, const struct template_function *functions,
	struct template_set **ret)
{
	struct template_set *set;

	set = calloc(1, sizeof(*set));
	if (!set)
		return -ENOMEM;
	set->mode = mode;
	set->functions = functions;
	*ret = set;
	return 0;
}

void template_set_free(struct template_set *set)
{
	struct parsed *next;

	if (!set)
		return;
	html_forget(set);
	map_release(&set->definitions);
	for (; set->parsed; set->parsed = next) {
		next = set->parsed->next;
		arena_release(&set->parsed->arena);
		free(set->parsed);
	}
	free(set);
}

const char *template_origin(const struct template_set *set, const char *name)
{
	const struct definition *definition = map_gets(&set->definitions, name);

	return definition ? definition->parsed->name : NULL;
}

static const struct template_function *find_in(const struct template_function *f, const char *name)
{
	for (; f && f->name; f++) {
		if (streq(f->name, name))
			return f;
	}
	return NULL;
}

const struct template_function *template_function_find(
	const struct template_set *set, const char *name)
{
	const struct template_function *found = find_in(set->functions, name);
	/* What the evaluator does itself must be known to it by a row all the same. */
	static const struct template_function logic[] = {
		{ "and", 1, -1, NULL },
		{ "or", 1, -1, NULL },
		{ NULL, 0, 0, NULL },
	};

	if (!found)
		found = find_in(template_builtins, name);
	return found ? found : find_in(logic, name);
}
