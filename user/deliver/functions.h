/*
 * functions.h - the functions that Alertmanager gives to templates.
 */
#ifndef TOLLD_DELIVER_FUNCTIONS_H
#define TOLLD_DELIVER_FUNCTIONS_H

#include "template/template.h"

struct mail_templates;

/* What `now`, `since` and `routeLabels` are to know: the userdata of an execution. */
struct functions_data {
	int64_t now_wall_ms;
	struct mail_templates *templates;
	const struct tvalue *data; /* of data_new(); NULL: there are no labels of a route */
	unsigned depth;		   /* of labels that need other labels */
};

/* Ends with a NULL name. */
extern const struct template_function mail_template_functions[];

#endif
