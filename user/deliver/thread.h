/*
 * thread.h - which mails belong together, for mail programs that show threads.
 *
 * All mails of a thread name one root that was never sent, so that it does not matter which of them came
 * first, or came at all. Source: alertmanager notify/email/email.go.
 */
#ifndef TOLLD_DELIVER_THREAD_H
#define TOLLD_DELIVER_THREAD_H

#include "config/config.h"
#include "model/notification.h"

#define GROUP_HASH_SIZE 65

/* The SHA-256 of a group's key in hex, as Alertmanager shows it to services. -ENOMEM. */
int group_hash(const char *group_key, char hex[GROUP_HASH_SIZE]);
/* "<alert-0123456789abcdef-2026-11-22@alertmanager>", or nothing where no threads are wanted. -ENOMEM. */
int thread_root(enum config_threading threading, const struct notification *n, struct strbuf *out);

#endif
