/*
 * html.h - html/template's contextual escaping: which escapers each action of a template gets.
 *
 * Worked out once, when a template is executed (or checked) for the first time: a copy of it is made
 * for each context that it is called in, with escapers at its actions and without comments.
 */
#ifndef TOLLD_TEMPLATE_HTML_H
#define TOLLD_TEMPLATE_HTML_H

#include "template/node.h"

/*
 * The template `name` as it may be executed: from text to text. -ENOENT: there is none of that name;
 * -ENOMEM; -EINVAL with *err set.
 */
int html_prepare(struct template_set *set, const char *name, const struct definition **ret,
	struct template_error *err);
/* Forgets all copies: a definition has changed. */
void html_forget(struct template_set *set);

#endif
