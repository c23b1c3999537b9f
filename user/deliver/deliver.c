/*
 * deliver.c - the daemon's end of all ways out.
 */
#include "deliver/delivery.h"

#include <errno.h>

static void options_release(struct deliver_options *o)
{
	free((char *)o->external_url);
	free((char *)o->hostname);
}

int deliver_new(struct net *net, const struct deliver_options *options, struct deliver **ret)
{
	struct deliver *deliver = calloc(1, sizeof(*deliver));
	const char *host = options->hostname;

	if (!deliver)
		return -ENOMEM;
	deliver->net = net;
	turns_init(&deliver->mails);
	deliver->options.timeout_ms =
		options->timeout_ms > 0 ? options->timeout_ms : DELIVERY_TIMEOUT_MS;
	deliver->options.verdict_timeout_ms = options->verdict_timeout_ms > 0
						      ? options->verdict_timeout_ms
						      : DELIVERY_VERDICT_TIMEOUT_MS;
	deliver->options.transcript = options->transcript;
	deliver->options.hostname = strdup(host && *host ? host : "localhost");
	deliver->options.external_url = strdup(options->external_url ? options->external_url : "");
	if (!deliver->options.hostname || !deliver->options.external_url ||
		client_new(net, &deliver->client) ||
		mail_templates_new(NULL, NULL, &deliver->templates)) {
		deliver_free(deliver);
		return -ENOMEM;
	}
	*ret = deliver;
	return 0;
}

void delivery_link(struct deliver *deliver, struct delivery *delivery)
{
	delivery->next = deliver->under_way;
	delivery->link = &deliver->under_way;
	if (delivery->next)
		delivery->next->link = &delivery->next;
	deliver->under_way = delivery;
}

void delivery_unlink(struct delivery *delivery)
{
	if (!delivery->link)
		return;
	*delivery->link = delivery->next;
	if (delivery->next)
		delivery->next->link = delivery->link;
	delivery->link = NULL;
}

void delivery_cancel(struct delivery *delivery)
{
	if (delivery)
		delivery->free(delivery);
}

void deliver_free(struct deliver *deliver)
{
	if (!deliver)
		return;
	while (deliver->under_way)
		delivery_cancel(deliver->under_way);
	client_free(deliver->client);
	options_release(&deliver->options);
	mail_templates_free(deliver->templates);
	free(deliver);
}

int deliver_configure(struct deliver *deliver, const struct config *config, struct diag *diag)
{
	struct mail_templates *templates;
	int err = mail_templates_new(config, diag, &templates);

	if (err)
		return err;
	mail_templates_free(deliver->templates);
	deliver->templates = templates;
	return 0;
}

int deliver_check(const struct config *config, struct diag *diag)
{
	scoped(mail_templates_freep) struct mail_templates *templates = NULL;

	return mail_templates_new(config, diag, &templates);
}

int deliver_notification(struct deliver *deliver, const struct config_receiver *receiver,
	const struct notification *notification, delivery_done_fn *done, void *userdata,
	struct delivery **ret, char *error, size_t error_size)
{
	const struct config_integration *integration;
	const char *kind = notification->integration;
	unsigned index = notification->index;

	if (streq(kind, "email") && index < receiver->n_emails)
		return deliver_email(deliver, &receiver->emails[index], notification, done,
			userdata, ret, error, error_size);
	if (streq(kind, "maildir") && index < receiver->n_maildirs)
		return deliver_maildir(deliver, &receiver->maildirs[index], notification, done,
			userdata, ret, error, error_size);
	integration = config_integration_find(receiver, kind, index);
	return integration ? deliver_http(deliver, integration, notification, done, userdata, ret,
				     error, error_size)
			   : -ENOENT;
}
