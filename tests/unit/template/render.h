/*
 * render.h - one template, parsed and executed.
 */
#ifndef TOLLD_TESTS_TEMPLATE_RENDER_H
#define TOLLD_TESTS_TEMPLATE_RENDER_H

#include "harness.h"

#include "template/template.h"

static inline int render_as(enum template_mode mode, const struct template_function *functions,
	const struct tvalue *root, const char *text, struct strbuf *out, struct template_error *err)
{
	struct template_set *set = NULL;
	int result;

	err->text[0] = '\0';
	result = template_set_new(mode, functions, &set);
	if (!result)
		result = template_parse(set, "t", text, strlen(text), err);
	if (!result)
		result = template_execute(set, "t", root, NULL, NULL, out, err);
	template_set_free(set);
	return result;
}

#endif
