/*
 * Events and entries of the kernel's maps that are lost: counted, and made up for by a resync.
 */
#include "harness.h"

#include <bpf/bpf.h>
#include "watch/servers.h"

static void turn_until_resynced(uint64_t n)
{
	int64_t until = clock_boot_ns() + PATIENCE_MS * NSEC_PER_MSEC;
	struct watch_stats stats;

	do {
		sd_event_run(loop, 10000);
		watch_stats(watch, &stats);
	} while (stats.resyncs < n && clock_boot_ns() < until);
	assert_true(stats.resyncs >= n);
}

static void a_full_ring_is_counted_and_leads_to_a_resync(void **state)
{
	uint16_t port = own_port();
	struct watch_stats stats;
	struct service *service;
	struct server server;

	SKIP_WITHOUT_BACKEND();
	watch_free(watch);
	watch = NULL;
	sd_event_unref(loop);
	assert_int_equal(open_watch(4096), 0);
	service = add_listen(port);
	/* 4096 bytes hold about fifty listener events; nobody reads meanwhile. */
	for (int i = 0; i < 100; i++) {
		server_start(&server, serve, port);
		server_end(&server);
	}
	server_start(&server, serve, port);
	turn_until_resynced(1);
	turn_until_owned_by(service, server.pid);
	watch_stats(watch, &stats);
	assert_true(stats.lost_listen > 0);
	assert_true(stats.lost_exit > 0);
	printf("  lost: %llu exits, %llu listener events; resyncs: %llu\n",
		(unsigned long long)stats.lost_exit, (unsigned long long)stats.lost_listen,
		(unsigned long long)stats.resyncs);
	assert_int_equal(info_of(service).state, SERVICE_UP);
	assert_int_equal(info_of(service).pid, server.pid);
	server_end(&server);
	assert_true(wait_for(SERVICE_DIED, count_seen(SERVICE_DIED) + 1, PATIENCE_MS));
	assert_int_equal(last_seen(SERVICE_DIED)->info.last_death.pid, server.pid);
	watch_remove(service);
}

/* A map that was full, or a hand that deleted: the process lives all the same, and is watched anew. */
static void a_lost_entry_is_made_anew_at_the_resync(void **state)
{
	uint16_t port = own_port();
	struct watch_stats stats;
	struct process_key key;
	struct service *service;
	struct server server;
	char path[128];
	int fd;

	SKIP_WITHOUT_BACKEND();
	server_start(&server, serve, port);
	service = add_listen(port);
	snprintf(path, sizeof(path), "%s/processes", bpffs_dir);
	fd = bpf_obj_get(path);
	if (fd < 0) {
		printf("SKIPPED: maps are not pinned here\n");
		server_end(&server);
		skip();
	}
	key.pid = (uint32_t)server.pid;
	assert_int_equal(bpf_map_delete_elem(fd, &key), 0);
	watch_stats(watch, &stats);
	for (uint64_t i = 1; i <= 2; i++) {
		watch_resync(watch);
		turn_until_resynced(stats.resyncs + i);
		/* Who is missed twice, so far apart, is dead. */
		turn_for(120);
	}
	assert_int_equal(info_of(service).state, SERVICE_UP);
	assert_int_equal(count_seen(SERVICE_DIED), 0);
	server_end(&server);
	assert_true(wait_for(SERVICE_DIED, 1, PATIENCE_MS));
	assert_int_equal(last_seen(SERVICE_DIED)->info.last_death.signal, SIGKILL);
	close(fd);
	watch_remove(service);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_WITH_KERNEL(a_full_ring_is_counted_and_leads_to_a_resync),
		TEST_WITH_KERNEL(a_lost_entry_is_made_anew_at_the_resync),
	};

	ask_facts();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
