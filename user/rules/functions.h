/*
 * functions.h - the functions that Prometheus gives to templates in rules.
 */
#ifndef TOLLD_RULES_FUNCTIONS_H
#define TOLLD_RULES_FUNCTIONS_H

#include "rules/expand.h"
#include "template/template.h"

/* Ends with a NULL name. Their userdata is a struct expand_data. */
extern const struct template_function rule_template_functions[];

/* The labels as a template's map. -ENOMEM. */
int labels_to_tvalue(struct arena *arena, const struct labels *labels, struct tvalue *ret);

#endif
