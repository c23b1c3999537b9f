/*
 * message.h - one notification as one complete mail.
 *
 * Pure: the same notification and settings give the same bytes, so a second try sends the same mail
 * under the same Message-Id.
 */
#ifndef TOLLD_DELIVER_MESSAGE_H
#define TOLLD_DELIVER_MESSAGE_H

#include "deliver/address.h"
#include "deliver/deliver.h"
#include "deliver/templates.h"

/* Never reached by what body.h allows; a wall for what it does not foresee. */
#define MESSAGE_MAX_BYTES ((size_t)4 << 20)

#define MESSAGE_NOTE_MAX 500

struct message {
	char *from;		/* the envelope's sender: local@domain */
	struct address_list to; /* the envelope's recipients: those who do not have it yet */
	char *data;		/* header and body with CRLF, dots not yet doubled */
	size_t len;
	/* What is not as the owner wants it, although it can be sent; "" for nothing. */
	char note[MESSAGE_NOTE_MAX];
};

/*
 * Renders into *ret, which the caller releases. Where the owner's subject, text or html fails on what this
 * notification is, or is too long, tolld's own stands there: an alert is not lost for its looks. -ENOMEM; or -EINVAL with error[] naming the setting
 * and its fault. `options` has its strings set.
 */
int message_render(const struct config_email *email, const struct notification *n,
	const struct deliver_options *options, struct mail_templates *templates,
	struct message *ret, char *error, size_t error_size);
void message_release(struct message *message);

/* "[FIRING:1] InstanceDown (localhost:9100 node)", Alertmanager's `email.default.subject`. */
int message_subject(const struct notification *n, struct strbuf *out);

#endif
