/*
 * email.c - one try to hand one mail to its server, on the event loop.
 *
 * libcurl resolves, connects, encrypts and logs in; then the transaction (transaction.h) goes over
 * the connection that it holds. One connection for one mail, closed afterwards: an idle one that the
 * server has dropped meanwhile would cost the next alert a try. It does not know when to try again.
 */
#include "deliver/delivery.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include "base/clock.h"
#include "client/options.h"
#include "deliver/cure.h"
#include "deliver/message.h"
#include "deliver/smtp.h"
#include "deliver/transaction.h"

/*
 * Nobody acknowledges what is sent, at first that anybody wants to connect. libcurl's own timeout for that
 * counts until the login is done, and a server may look long at who comes: for a name where names cannot be
 * found, it greets late.
 */
#define CONNECT_TIMEOUT_MS 10000
#define UNHEARD_MS	   20000
/* Silence in the middle of a conversation; counts where the whole try may last longer. */
#define STALL_SECONDS 45
#define SMTPS_PORT    465

struct mail {
	struct delivery delivery;
	struct deliver *deliver;
	const struct config_email *email;
	struct message message;
	struct smtp_dialogue dialogue;
	struct turn turn;
	sd_event_source *wait;	   /* for its turn */
	struct client_call *token; /* under way, before all else */
	CURL *easy;
	CURLU *url;
	struct curl_slist *connect_to;
	struct net_transfer *transfer;
	/* From the login on: */
	struct transaction transaction;
	sd_event_source *io, *timer;
	int fd; /* the connection's, but our own number; -1 */
	int64_t started_boot_ns;
	delivery_done_fn *done;
	void *userdata;
	char curl_words[CURL_ERROR_SIZE];
	CURLcode code; /* of the connection and the login */
	enum password_look password;
};

static void mail_free(struct mail *d)
{
	if (!d)
		return;
	delivery_unlink(&d->delivery);
	sd_event_source_disable_unref(d->wait);
	client_cancel(d->token);
	sd_event_source_disable_unref(d->io);
	sd_event_source_disable_unref(d->timer);
	closep(&d->fd);
	net_cancel(d->transfer);
	curl_easy_cleanup(d->easy);
	curl_url_cleanup(d->url);
	curl_slist_free_all(d->connect_to);
	transaction_release(&d->transaction);
	smtp_dialogue_release(&d->dialogue);
	message_release(&d->message);
	turn_end(&d->deliver->mails, &d->turn);
	free(d);
}

DEFINE_FREEP(mail)

static void delivery_free(struct delivery *delivery)
{
	mail_free(container_of(delivery, struct mail, delivery));
}

/* -- libcurl's callbacks -- */

static void set_unheard(int fd, unsigned ms)
{
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof(ms));
}

/* libcurl 7.88 opens its sockets without close-on-exec. */
static curl_socket_t on_open(void *userdata, curlsocktype purpose, struct curl_sockaddr *address)
{
	int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);

	if (fd < 0)
		return CURL_SOCKET_BAD;
	set_unheard(fd, CONNECT_TIMEOUT_MS);
	return fd;
}

static int on_debug(CURL *easy, curl_infotype type, char *bytes, size_t len, void *userdata)
{
	struct mail *d = userdata;

	if (type == CURLINFO_HEADER_IN)
		smtp_dialogue_received(&d->dialogue, bytes, len);
	if (type == CURLINFO_HEADER_OUT)
		smtp_dialogue_sent(&d->dialogue, bytes, len);
	return 0;
}

/* -- the end -- */

static bool is_implicit_tls(const struct config_email *email)
{
	return email->force_implicit_tls < 0 ? email->port == SMTPS_PORT
					     : email->force_implicit_tls;
}

/* What the owner can do about it, behind what happened. */
static void add_cure(const struct mail *d, const char *words, struct strbuf *message)
{
	struct mail_failure failure = {
		.email = d->email,
		.stage = d->dialogue.stage,
		.reply = d->dialogue.code,
		.code = d->code,
		.implicit_tls = is_implicit_tls(d->email),
		.password = d->password,
		.words = words,
	};
	curl_off_t connect_us = 0;
	const char *cure;

	if (d->easy && !curl_easy_getinfo(d->easy, CURLINFO_CONNECT_TIME_T, &connect_us))
		failure.connected = connect_us > 0;
	cure = mail_cure(&failure);
	if (cure)
		strbuf_addf(message, " (%s)", cure);
}

/* Tells how it ended, and frees the delivery. `words` are for where the server had none. */
static void finish(struct mail *done, const char *words)
{
	scoped(mail_freep) struct mail *d = done;
	struct delivery_report report = { 0 };
	struct strbuf message = STRBUF_INIT;

	/* The callback may end the daemon's end; this delivery is none of its business any more. */
	delivery_unlink(&d->delivery);
	/*
	 * A token may be taken back before its time; the next try brings a new one. Why it is refused
	 * comes in a challenge (334), after which libcurl hangs up: there is no 5xx to go by.
	 */
	if (d->email->oauth2.set && d->dialogue.stage == SMTP_AUTH && d->dialogue.code / 100 != 2)
		client_forget_token(d->deliver->client, &d->email->oauth2);
	report.result = smtp_dialogue_result(&d->dialogue);
	report.duration_ns = clock_boot_ns() - d->started_boot_ns;
	if (report.result != DELIVERY_SENT) {
		smtp_dialogue_message(&d->dialogue, words, &message);
		add_cure(d, words, &message);
	}
	if (report.result == DELIVERY_RETRY && smtp_dialogue_is_taken(&d->dialogue))
		report.served = d->dialogue.served.s;
	if (report.result == DELIVERY_SENT && d->dialogue.refused.len)
		report.refused_recipients = d->dialogue.refused.s;
	report.answer = d->dialogue.words;
	report.note = *d->message.note ? d->message.note : NULL;
	if (d->dialogue.keeps)
		report.transcript = d->dialogue.heard.s;
	report.message = message.s;
	d->done(&report, d->userdata);
	strbuf_release(&message);
}

/* -- from the login on -- */

/* Until the whole try is over, or the server has been silent for too long: it may, once it has the mail. */
static int64_t next_deadline_ns(const struct mail *d)
{
	const struct deliver_options *o = &d->deliver->options;
	const struct transaction *t = &d->transaction;
	int64_t end = d->started_boot_ns + o->timeout_ms * NSEC_PER_MSEC;

	if (d->dialogue.stage == SMTP_BODY && t->sent == t->out.len)
		return end + o->verdict_timeout_ms * NSEC_PER_MSEC;
	return MIN(end, clock_boot_ns() + STALL_SECONDS * NSEC_PER_SEC);
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata)
{
	finish(userdata, "timed out");
	return 0;
}

/* Sends what there is; false where the connection is gone, with the words in curl_words. */
static bool send_pending(struct mail *d)
{
	struct transaction *t = &d->transaction;

	while (t->sent < t->out.len) {
		size_t n = 0;
		CURLcode code =
			curl_easy_send(d->easy, t->out.s + t->sent, t->out.len - t->sent, &n);

		t->sent += n;
		if (code == CURLE_AGAIN)
			break;
		if (code) {
			snprintf(d->curl_words, sizeof(d->curl_words), "%s",
				curl_easy_strerror(code));
			return false;
		}
	}
	return true;
}

/* Hears what has come, all of it: TLS may hold bytes that the descriptor no longer shows. */
static bool receive(struct mail *d)
{
	char bytes[2048];
	CURLcode code;
	size_t n;
	int err;

	while (!d->transaction.over) {
		code = curl_easy_recv(d->easy, bytes, sizeof(bytes), &n);
		if (code == CURLE_AGAIN)
			return true;
		if (code || !n) {
			snprintf(d->curl_words, sizeof(d->curl_words), "%s",
				code ? curl_easy_strerror(code)
				     : "the server closed the connection");
			return false;
		}
		err = transaction_feed(&d->transaction, bytes, n);
		if (err) {
			snprintf(d->curl_words, sizeof(d->curl_words), "%s",
				err == -EMSGSIZE ? "the server does not stop talking"
						 : "out of memory");
			return false;
		}
		if (!send_pending(d))
			return false;
	}
	return true;
}

static int on_io(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct mail *d = userdata;
	const struct transaction *t = &d->transaction;

	/*
	 * Reading goes first and decides: a server that refuses the mail half-way hangs up, and its
	 * last words still lie there when writing fails already.
	 */
	if (!receive(d) || (!t->over && !send_pending(d)) || t->over) {
		finish(d,
			t->out_of_step ? "the server answered before it was asked" : d->curl_words);
		return 0;
	}
	sd_event_source_set_io_events(d->io, t->sent < t->out.len ? EPOLLIN | EPOLLOUT : EPOLLIN);
	sd_event_source_set_time(d->timer, (uint64_t)(next_deadline_ns(d) / NSEC_PER_USEC));
	return 0;
}

static int begin_transaction(struct mail *d)
{
	sd_event *event = net_event(d->deliver->net);
	curl_socket_t fd = CURL_SOCKET_BAD;
	int err;

	curl_easy_getinfo(d->easy, CURLINFO_ACTIVESOCKET, &fd);
	if (fd == CURL_SOCKET_BAD)
		return -ENOTCONN;
	/* libcurl's own number may still be in the loop's epoll, which takes each number only once. */
	d->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (d->fd < 0)
		return -errno;
	set_unheard(d->fd, UNHEARD_MS);
	err = sd_event_add_io(event, &d->io, d->fd, EPOLLIN | EPOLLOUT, on_io, d);
	if (err >= 0)
		err = sd_event_add_time(event, &d->timer, CLOCK_BOOTTIME,
			(uint64_t)(next_deadline_ns(d) / NSEC_PER_USEC), 1000, on_deadline, d);
	if (err < 0)
		return err;
	transaction_init(&d->transaction, &d->message, &d->dialogue);
	/*
	 * At once, not with the next event: it ties the connection to the handle, so that libcurl does
	 * not take it for an idle one that it may close (7.88, prune_dead_connections).
	 */
	return send_pending(d) ? 0 : -EPIPE;
}

/* libcurl says that it cannot connect, and keeps to itself why: nobody there, or no way there. */
static void name_errno(struct mail *d)
{
	static const char vague[] = "Couldn't connect to server";
	size_t len = strlen(d->curl_words);
	long number = 0;

	if (d->code != CURLE_COULDNT_CONNECT || len < strlen(vague) ||
		!streq(d->curl_words + len - strlen(vague), vague) ||
		curl_easy_getinfo(d->easy, CURLINFO_OS_ERRNO, &number) || number <= 0)
		return;
	len -= strlen(vague);
	snprintf(d->curl_words + len, sizeof(d->curl_words) - len, "%s", strerror((int)number));
}

/* The connection stands and the login is done, or not. */
static void on_connected(CURL *easy, CURLcode code, void *userdata)
{
	struct mail *d = userdata;
	int err;

	if (code) {
		d->code = code;
		name_errno(d);
		finish(d, d->curl_words[0] ? d->curl_words : curl_easy_strerror(code));
		return;
	}
	err = begin_transaction(d);
	if (err)
		finish(d, strerror(-err));
}

/* -- setting up -- */

/* curl_easy_setopt() that remembers its first failure. */
#define SET(d, err, option, value)                                                                 \
	do {                                                                                       \
		if (!(err))                                                                        \
			(err) = curl_easy_setopt((d)->easy, (option), (value));                    \
	} while (0)

/* Where Alertmanager lets a password out without TLS, too (Go's net/smtp, isLocalhost). */
static bool is_localhost(const char *host)
{
	return streq(host, "localhost") || streq(host, "127.0.0.1") || streq(host, "::1");
}

static const char *text_or(const struct config_text *text, const char *otherwise)
{
	return text->s && *text->s ? text->s : otherwise;
}

/* An address as a URL's host: IPv6 in brackets. */
static void url_host(char *out, size_t size, const char *host)
{
	bool bare_ipv6 = strchr(host, ':') && host[0] != '[';

	snprintf(out, size, bare_ipv6 ? "[%s]" : "%s", host);
}

/*
 * smtp://HOST:PORT/HELLO. The name in the URL is the one that the certificate must have, so with
 * server_name that one stands there and libcurl is told where it really is.
 */
static int set_url(struct mail *d, const struct config_email *email)
{
	const char *hello = text_or(&email->hello, "localhost");
	const char *name = text_or(&email->tls.server_name, email->host);
	char host[300], named[300], port[16], path[300], connect_to[640];
	CURLcode err = CURLE_OK;

	url_host(host, sizeof(host), email->host);
	url_host(named, sizeof(named), name);
	snprintf(port, sizeof(port), "%u", email->port);
	snprintf(path, sizeof(path), "/%s", hello);
	d->url = curl_url();
	if (!d->url)
		return -ENOMEM;
	if (curl_url_set(d->url, CURLUPART_SCHEME, is_implicit_tls(email) ? "smtps" : "smtp", 0) ||
		curl_url_set(d->url, CURLUPART_HOST, named, 0) ||
		curl_url_set(d->url, CURLUPART_PORT, port, 0) ||
		curl_url_set(d->url, CURLUPART_PATH, path, CURLU_URLENCODE))
		return -EINVAL;
	SET(d, err, CURLOPT_CURLU, d->url);
	if (!streq(named, host)) {
		snprintf(connect_to, sizeof(connect_to), "::%s:%u", host, email->port);
		d->connect_to = curl_slist_append(NULL, connect_to);
		if (!d->connect_to)
			return -ENOMEM;
		SET(d, err, CURLOPT_CONNECT_TO, d->connect_to);
	}
	return err ? -ENOMEM : 0;
}

static int set_tls(struct mail *d, const struct config_email *email)
{
	const struct config_tls *tls = &email->tls;
	bool verify = !tls->insecure_skip_verify;
	CURLcode err = CURLE_OK;

	SET(d, err, CURLOPT_USE_SSL,
		email->require_tls || is_implicit_tls(email) ? (long)CURLUSESSL_ALL
							     : (long)CURLUSESSL_NONE);
	if (!verify) {
		/* The system's certificates are read for each connection, 20 ms and more, even so. */
		SET(d, err, CURLOPT_CAINFO, NULL);
		SET(d, err, CURLOPT_CAPATH, NULL);
	}
	SET(d, err, CURLOPT_SSL_VERIFYPEER, (long)verify);
	SET(d, err, CURLOPT_SSL_VERIFYHOST, verify ? 2L : 0L);
	/* The owner's authorities stand in place of the system's, as Go has it. */
	if (tls->ca_file.s) {
		SET(d, err, CURLOPT_CAINFO, tls->ca_file.s);
		SET(d, err, CURLOPT_CAPATH, NULL);
	}
	/* Old mail servers are spoken to as before, where nobody asks for more. */
	if (tls->min_version.s || tls->max_version.s)
		SET(d, err, CURLOPT_SSLVERSION, client_tls_versions(tls));
	if (tls->cert_file.s)
		SET(d, err, CURLOPT_SSLCERT, tls->cert_file.s);
	if (tls->key_file.s)
		SET(d, err, CURLOPT_SSLKEY, tls->key_file.s);
	return err ? -ENOMEM : 0;
}

static bool secret_set(const struct config_secret *secret)
{
	return secret->value.s || secret->file.s;
}

/*
 * PLAIN or LOGIN, whichever the server has; libcurl prefers PLAIN. Over a bare connection to another
 * machine only LOGIN, because that is what Alertmanager does with the same file. CRAM-MD5 has a secret
 * of its own; where there is a password, too, that is taken wherever it may be shown.
 */
static const char *login_options(const struct config_email *email)
{
	bool shown = email->require_tls || is_implicit_tls(email) || is_localhost(email->host);

	if (secret_set(&email->auth_secret) && !(shown && secret_set(&email->auth_password)))
		return "AUTH=CRAM-MD5";
	return shown ? "AUTH=PLAIN;AUTH=LOGIN" : "AUTH=LOGIN";
}

static int set_token(struct mail *d, const struct config_email *email)
{
	const char *username = text_or(&email->auth_username, "");
	const char *token = client_token(d->deliver->client, &email->oauth2);
	CURLcode err = CURLE_OK;

	if (!token)
		return -ETIMEDOUT;
	SET(d, err, CURLOPT_LOGIN_OPTIONS, "AUTH=XOAUTH2");
	SET(d, err, CURLOPT_USERNAME, username);
	SET(d, err, CURLOPT_XOAUTH2_BEARER, token);
	return err ? -ENOMEM : smtp_dialogue_hide_token(&d->dialogue, username, token);
}

static int set_login(struct mail *d, const struct config_email *email)
{
	const char *username = text_or(&email->auth_username, NULL);
	const char *identity = text_or(&email->auth_identity, "");
	const char *options = login_options(email);
	char *password = NULL;
	CURLcode err = CURLE_OK;
	int failed;

	if (!username)
		return 0;
	if (email->oauth2.set)
		return set_token(d, email);
	failed = config_secret_read(
		streq(options, "AUTH=CRAM-MD5") ? &email->auth_secret : &email->auth_password,
		&password);
	if (failed)
		return failed;
	SET(d, err, CURLOPT_LOGIN_OPTIONS, options);
	SET(d, err, CURLOPT_USERNAME, username);
	SET(d, err, CURLOPT_PASSWORD, password ? password : "");
	d->password = password_look(password ? password : "");
	if (*identity)
		SET(d, err, CURLOPT_SASL_AUTHZID, identity);
	failed = smtp_dialogue_hide(&d->dialogue, identity, username, password ? password : "");
	config_secret_wipe(&password);
	return err ? -ENOMEM : failed;
}

static int set_connection(struct mail *d, int64_t timeout_ms)
{
	CURLcode err = CURLE_OK;

	SET(d, err, CURLOPT_NOSIGNAL, 1L);
	/* A resolver that hangs must not be waited for when the try is given up. */
	SET(d, err, CURLOPT_QUICK_EXIT, 1L);
	SET(d, err, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
	/* No proxy that some environment variable names. */
	SET(d, err, CURLOPT_PROXY, "");
	SET(d, err, CURLOPT_FRESH_CONNECT, 1L);
	SET(d, err, CURLOPT_CONNECT_ONLY, 1L);
	SET(d, err, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
	SET(d, err, CURLOPT_CONNECTTIMEOUT_MS, (long)timeout_ms);
	SET(d, err, CURLOPT_SERVER_RESPONSE_TIMEOUT, (long)STALL_SECONDS);
	/* Else libcurl tells why ::1 of localhost was no way, and not that nobody listens at 127.0.0.1. */
	if (!strchr(d->email->host, ':') && !net_has_ipv6())
		SET(d, err, CURLOPT_IPRESOLVE, CURL_IPRESOLVE_V4);
	SET(d, err, CURLOPT_OPENSOCKETFUNCTION, on_open);
	SET(d, err, CURLOPT_ERRORBUFFER, d->curl_words);
	SET(d, err, CURLOPT_DEBUGFUNCTION, on_debug);
	SET(d, err, CURLOPT_DEBUGDATA, d);
	SET(d, err, CURLOPT_VERBOSE, 1L);
	return err ? -ENOMEM : 0;
}

static int fault(char *error, size_t error_size, int err, const char *setting,
	const struct config_text *file)
{
	if (err != -ENOMEM)
		snprintf(error, error_size, "%s%s%s: %s", setting, file ? " " : "",
			file ? text_or(file, "") : "", strerror(-err));
	return err;
}

static int login_fault(char *error, size_t error_size, int err, const struct config_email *email)
{
	const struct config_text *file = &email->auth_password.file;
	const char *setting = "auth_password_file";

	if (email->oauth2.set)
		return fault(error, error_size, err, "oauth2", NULL);
	if (streq(login_options(email), "AUTH=CRAM-MD5")) {
		file = &email->auth_secret.file;
		setting = "auth_secret_file";
	}
	return fault(error, error_size, err, setting, file);
}

static int set_up(struct mail *d, const struct config_email *email, char *error, size_t error_size)
{
	int err;

	if (!email->host || !email->port) {
		snprintf(error, error_size, "smarthost: not set");
		return -EINVAL;
	}
	if (net_fault()) {
		snprintf(error, error_size, "%s", net_fault());
		return -ENOTSUP;
	}
	d->easy = curl_easy_init();
	if (!d->easy)
		return -ENOMEM;
	err = set_connection(d, d->deliver->options.timeout_ms);
	if (!err)
		err = set_tls(d, email);
	if (err)
		return err;
	err = set_url(d, email);
	if (err)
		return fault(error, error_size, err, "smarthost, hello or server_name", NULL);
	err = set_login(d, email);
	return err ? login_fault(error, error_size, err, email) : 0;
}

static int connect_server(struct mail *d, char *error, size_t error_size)
{
	int err = set_up(d, d->email, error, error_size);

	return err ? err
		   : net_start_connection(d->deliver->net, d->easy, on_connected, d, &d->transfer);
}

static void on_token(const struct client_answer *answer, void *userdata)
{
	struct mail *d = userdata;
	char error[DELIVERY_ERROR_MAX] = "";
	int err;

	d->token = NULL;
	if (answer->error) {
		smtp_dialogue_begin(&d->dialogue, SMTP_AUTH);
		finish(d, answer->error);
		return;
	}
	err = connect_server(d, error, sizeof(error));
	if (err)
		finish(d, error[0] ? error : strerror(-err));
}

static int begin_try(struct mail *d, char *error, size_t error_size)
{
	struct client *client = d->deliver->client;

	d->started_boot_ns = clock_boot_ns();
	if (d->email->oauth2.set && !client_token(client, &d->email->oauth2))
		return client_fetch_token(client, &d->email->oauth2, d->deliver->options.timeout_ms,
			on_token, d, &d->token, error, error_size);
	return connect_server(d, error, error_size);
}

/* Its turn has come, or it has waited long enough: the next try may wait again. */
static int on_turn(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct mail *d = userdata;
	char error[DELIVERY_ERROR_MAX] = "";
	int err;

	d->wait = sd_event_source_disable_unref(d->wait);
	if (!d->turn.goes) {
		finish(d, "other mails to this server are still under way");
		return 0;
	}
	err = begin_try(d, error, sizeof(error));
	if (err)
		finish(d, error[0] ? error : strerror(-err));
	return 0;
}

static void come(struct turn *turn)
{
	sd_event_source_set_time(container_of(turn, struct mail, turn)->wait, 0);
}

/* At most half the time that the try itself may take then. */
static int wait_for_turn(struct mail *d)
{
	int64_t until_ns = d->started_boot_ns + d->deliver->options.timeout_ms * NSEC_PER_MSEC / 2;
	int err = sd_event_add_time(net_event(d->deliver->net), &d->wait, CLOCK_BOOTTIME,
		(uint64_t)(until_ns / NSEC_PER_USEC), 1000, on_turn, d);

	return err < 0 ? err : 0;
}

int deliver_email(struct deliver *deliver, const struct config_email *email,
	const struct notification *notification, delivery_done_fn *done, void *userdata,
	struct delivery **ret, char *error, size_t error_size)
{
	scoped(mail_freep) struct mail *d = calloc(1, sizeof(*d));
	int err;

	if (!d)
		return -ENOMEM;
	d->deliver = deliver;
	d->email = email;
	d->done = done;
	d->userdata = userdata;
	d->started_boot_ns = clock_boot_ns();
	d->fd = -1;
	smtp_dialogue_init(&d->dialogue, &d->message.to);
	d->dialogue.keeps = deliver->options.transcript;

	err = message_render(email, notification, &deliver->options, deliver->templates,
		&d->message, error, error_size);
	/* Without a server it goes nowhere, as set_up() tells. */
	d->turn = (struct turn){
		.host = email->host ? email->host : "", .port = email->port, .come = come
	};
	if (!err)
		err = turn_take(&deliver->mails, &d->turn) ? begin_try(d, error, error_size)
							   : wait_for_turn(d);
	if (err)
		return err;

	d->delivery.free = delivery_free;
	delivery_link(deliver, &d->delivery);
	if (ret)
		*ret = &d->delivery;
	TAKE(d);
	return 0;
}
