/*
 * templates.h - the templates of mails: Alertmanager's names with our own texts, the owner's files
 * (`templates:`), and what the settings themselves say.
 */
#ifndef TOLLD_DELIVER_TEMPLATES_H
#define TOLLD_DELIVER_TEMPLATES_H

#include "deliver/deliver.h"
#include "template/template.h"

struct mail_templates;

/*
 * Parses all that `config` has, which may be NULL for none. -ENOMEM; -EINVAL with every fault in diag,
 * at its place in a template file or in the settings.
 */
int mail_templates_new(const struct config *config, struct diag *diag, struct mail_templates **ret);
void mail_templates_free(struct mail_templates *templates);
DEFINE_FREEP(mail_templates)

/* Whether the owner's files define one of the names that the built-in mail is made of. */
bool mail_templates_replaced(const struct mail_templates *templates);

/* A label of a route may need another one, that may need another one. */
#define ROUTE_LABELS_DEPTH 8

/*
 * What templates see of a notification (data.h), the labels of its route among it. -ENOMEM; -EINVAL
 * with err->text set where one of these labels cannot be executed.
 */
int mail_templates_data(struct mail_templates *templates, struct arena *arena,
	const struct notification *n, const struct deliver_options *options, struct tvalue *ret,
	struct template_error *err);
/* One of them, executed: for the function that has this purpose. "" where there is none. */
int mail_templates_route_label(struct mail_templates *templates, const char *name,
	const struct tvalue *data, int64_t now_wall_ms, unsigned depth, struct strbuf *out,
	struct template_error *err);

/*
 * Executes a text of the settings; `setting` names it in messages. Adds to out, or nothing. -ENOMEM;
 * -EINVAL with err->text set.
 */
int mail_templates_render(struct mail_templates *templates, enum template_mode mode,
	const char *setting, const char *text, const struct tvalue *data, int64_t now_wall_ms,
	struct strbuf *out, struct template_error *err);

/* defaults.c: what stands before the owner's files, and the names in it that they may replace. */
extern const char mail_default_templates[];
extern const char *const mail_default_names[]; /* ends with NULL */

#endif
