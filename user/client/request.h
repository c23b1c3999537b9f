/*
 * request.h - one request over HTTP and its answer, by the settings of whoever asks.
 *
 * Redirects are followed as the settings say. With oauth2 a token is fetched first, and kept until it
 * runs out or the server does not take it any more. It does not know what an answer means, nor when
 * to try again.
 */
#ifndef TOLLD_CLIENT_REQUEST_H
#define TOLLD_CLIENT_REQUEST_H

#include "base/censor.h"
#include "config/config.h"
#include "net/net.h"

/* As much of an answer is kept; what is longer is cut, and not waited for. */
#define CLIENT_ANSWER_MAX ((size_t)256 << 10)

struct client;
struct client_call;

int client_new(struct net *net, struct client **ret);
/* Stops what is under way, without calling back. */
void client_free(struct client *client);
DEFINE_FREEP(client)

struct client_header {
	const char *name, *value;
};

struct client_request {
	const char *method; /* "POST" */
	const char *url;
	const char *content_type; /* NULL: there is no body */
	const char *body;
	size_t len;
	const struct client_header *headers; /* besides those of the settings */
	size_t n_headers;
	int64_t timeout_ms; /* of all, redirects and a token included */
	/* How Amazon wants it signed: "aws:amz:eu-west-1:sns", and with which keys; NULL: not at all. */
	const char *sigv4, *access_key, *secret_key;
};

struct client_answer {
	/* Why there is none: one line, without a URL; NULL where there is a status. */
	const char *error;
	long status;
	const char *content_type; /* "" for none */
	const char *body;	  /* NUL-terminated */
	size_t len;
	int64_t retry_after_s; /* what the server asked for; -1: nothing */
	/* What the request showed of secrets in the settings, and the answer may quote. `error` is without it. */
	const struct censor *shown;
};

typedef void client_done_fn(const struct client_answer *answer, void *userdata);

/*
 * Starts; settings and request are borrowed until the call is over: oauth2 reads them again. Never
 * calls back before it returns, and exactly once then. -ENOMEM; -EINVAL for what is no URL, and those
 * of client_secret(), with error[] saying why.
 */
int client_start(struct client *client, const struct config_client *settings,
	const struct client_request *request, client_done_fn *done, void *userdata,
	struct client_call **ret, char *error, size_t error_size);
/*
 * Only fetches the token of oauth2, for who logs in elsewhere with it: an answer without `error` says that
 * client_token() has it. As client_start() otherwise.
 */
int client_fetch_token(struct client *client, const struct config_oauth2 *oauth2,
	int64_t timeout_ms, client_done_fn *done, void *userdata, struct client_call **ret,
	char *error, size_t error_size);
/* The token itself, which is good for a while yet; or NULL. Valid until the next call on the client. */
const char *client_token(const struct client *client, const struct config_oauth2 *oauth2);
/* Whoever was shown it would not take it. */
void client_forget_token(struct client *client, const struct config_oauth2 *oauth2);
/* Without calling back; NULL does nothing. */
void client_cancel(struct client_call *call);

#endif
