/*
 * functions.h - the functions that Alertmanager gives to templates.
 */
#ifndef TOLLD_DELIVER_FUNCTIONS_H
#define TOLLD_DELIVER_FUNCTIONS_H

#include "template/template.h"

/* What `now` and `since` are to know: the userdata of an execution. */
struct functions_data {
	int64_t now_wall_ms;
};

/* Ends with a NULL name. */
extern const struct template_function mail_template_functions[];

#endif
