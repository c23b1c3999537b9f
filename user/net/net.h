/*
 * net.h - libcurl's multi interface on the event loop.
 *
 * The caller makes the easy handle and sets what it wants, a timeout among it; this runs it and
 * calls back, once, from the loop. It does not know what is fetched.
 */
#ifndef TOLLD_NET_NET_H
#define TOLLD_NET_NET_H

#include <curl/curl.h>
#include <systemd/sd-event.h>
#include "base/util.h"

struct net;
struct net_transfer;

/* Why libcurl cannot be used at all, in words; NULL: it can. It is loaded by this, or by the first use. */
const char *net_fault(void);

/* Whether this machine has any IPv6 address now. Not so where IPv6 is turned off, by sysctl or at the boot. */
bool net_has_ipv6(void);

/* Errors: -ENOMEM, or those of sd-event. */
int net_new(sd_event *event, struct net **ret);
/* Cancels what is under way, without calling back. Not from within a net_done_fn. */
void net_free(struct net *net);
DEFINE_FREEP(net)

/* The loop it runs on; borrowed. */
sd_event *net_event(struct net *net);

/*
 * `easy` is borrowed and belongs to the caller again when this is called; the transfer is gone
 * then. It may start and cancel other transfers, and clean up `easy`.
 */
typedef void net_done_fn(CURL *easy, CURLcode result, void *userdata);

/*
 * Starts; never calls back before it returns. *ret may be NULL for who never cancels.
 * CURLOPT_PRIVATE is taken. 0, -ENOMEM, -EIO.
 */
int net_start(
	struct net *net, CURL *easy, net_done_fn *done, void *userdata, struct net_transfer **ret);
/*
 * The same for a handle with CURLOPT_CONNECT_ONLY, whose connection is closed when the handle leaves.
 * After `done` with CURLE_OK it is there for curl_easy_send() and curl_easy_recv() until
 * net_cancel(), which the caller owes in any case and may call in `done`.
 */
int net_start_connection(
	struct net *net, CURL *easy, net_done_fn *done, void *userdata, struct net_transfer **ret);
/*
 * Stops without calling back; NULL does nothing. Not from within libcurl's own callbacks of that
 * handle (write, header, progress): those end their transfer by what they return.
 */
void net_cancel(struct net_transfer *transfer);

#endif
