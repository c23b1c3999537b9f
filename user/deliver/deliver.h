/*
 * deliver.h - notifications turned into mails and requests, and handed to those who take them.
 *
 * One try at a time: whether and when to try again is the caller's affair. Everything is rendered
 * before the server is spoken to. It knows nothing of groups, rules or services.
 */
#ifndef TOLLD_DELIVER_DELIVER_H
#define TOLLD_DELIVER_DELIVER_H

#include "config/config.h"
#include "model/notification.h"
#include "net/net.h"

/* For what is said of a delivery that cannot even begin. */
#define DELIVERY_ERROR_MAX 400

struct deliver;
struct delivery;

enum delivery_result {
	DELIVERY_SENT,	/* accepted for every recipient that is not refused for good */
	DELIVERY_RETRY, /* the server or the way to it; may work later */
	DELIVERY_REFUSED, /* will never work like this: bad address, no receiver, 5xx for the content */
};

struct delivery_report {
	enum delivery_result result;
	/* The server's last words, or libcurl's: without secrets, one line; "" where sent. */
	const char *message;
	/* Recipients that the server refused, while others were served: "a@b: 550 no such user". */
	const char *refused_recipients; /* NULL for none */
	/*
	 * With RETRY: recipients that have the mail now, each with a line end; the others are told to wait.
	 * What the notification that is tried next says in `served`. NULL for none.
	 */
	const char *served;
	/* The server's last words in any case, one line: "250 2.0.0 Ok"; NULL where it has said none. */
	const char *answer;
	/* What is not as the owner wants it, although it could be sent: one line; NULL for nothing. */
	const char *note;
	const char *transcript; /* line by line, where the options ask for it; else NULL */
	int64_t duration_ns;
};

typedef void delivery_done_fn(const struct delivery_report *report, void *userdata);

/* What every notification of this daemon is told besides its notification. */
struct deliver_options {
	const char *external_url; /* http://host:9093; links point there */
	const char *hostname;
	int64_t timeout_ms; /* of one try; 0: 1 min */
	/*
	 * Whoever has all of it may have taken it, and is told it again by the next try: so long may his answer
	 * take, of services over HTTP all of a try. RFC 5321 4.5.3.2.6 has 10 minutes; the caller's limit, five
	 * minutes for a try, counts. 0: 3 min.
	 */
	int64_t verdict_timeout_ms;
	bool transcript; /* reports have all that a mail server said */
};

int deliver_new(struct net *net, const struct deliver_options *options, struct deliver **ret);
/* Stops what is under way, without calling back. */
void deliver_free(struct deliver *deliver);
DEFINE_FREEP(deliver)

/*
 * Takes the templates of `config` for what is sent from now on, which is borrowed for this call only. With
 * a fault in diag (-EINVAL), or -ENOMEM, those from before stay.
 */
int deliver_configure(struct deliver *deliver, const struct config *config, struct diag *diag);
/* Only looks for faults. */
int deliver_check(const struct config *config, struct diag *diag);

/*
 * Starts to send a notification, which is borrowed for this call only, through one email_config, which
 * is borrowed until the delivery is over. What
 * can be found before the server is spoken to comes back at once, and done is not called: -ENOMEM;
 * -EINVAL for what cannot be rendered or addressed, for good; those of config_secret_read(), which
 * may be mended while we run. error[] tells why, but for -ENOMEM. Afterwards done is called exactly
 * once, from the loop, and *ret (which may be NULL) is gone then.
 *
 * Never waits within: the loop goes on while the server thinks. No mail is delivered in part: one that
 * is cancelled or breaks off before its end is not taken by the server.
 */
int deliver_email(struct deliver *deliver, const struct config_email *email,
	const struct notification *notification, delivery_done_fn *done, void *userdata,
	struct delivery **ret, char *error, size_t error_size);
/* The same for a folder, which is written to by a thread of its own: a disk may take its time. */
int deliver_maildir(struct deliver *deliver, const struct config_maildir *maildir,
	const struct notification *notification, delivery_done_fn *done, void *userdata,
	struct delivery **ret, char *error, size_t error_size);
/*
 * The same for a service over HTTP. `integration` is borrowed until the delivery is over; of several
 * requests that belong together one is sent after the other, and all were rendered before the first.
 */
int deliver_http(struct deliver *deliver, const struct config_integration *integration,
	const struct notification *notification, delivery_done_fn *done, void *userdata,
	struct delivery **ret, char *error, size_t error_size);
/* Whichever of these a receiver's integration is; -ENOENT where it has none of that kind. */
int deliver_notification(struct deliver *deliver, const struct config_receiver *receiver,
	const struct notification *notification, delivery_done_fn *done, void *userdata,
	struct delivery **ret, char *error, size_t error_size);
/* Stops without calling back; NULL does nothing. */
void delivery_cancel(struct delivery *delivery);

#endif
