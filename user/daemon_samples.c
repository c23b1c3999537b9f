/*
 * daemon_samples.c - the sample store and its files, beside the state in the storage folder.
 */
#include "daemon_private.h"

#include <errno.h>
#include <inttypes.h>
#include "model/timestamp.h"

/* What the disk gets to take the last minute, before we end. */
#define CLOSE_MS 300

static void on_tell(bool bad, const char *text, void *userdata)
{
	if (bad)
		log_error("%s", text);
	else
		log_info("%s", text);
}

static struct tsdb_options store_options(const struct daemon_options *options)
{
	struct tsdb_options tsdb = TSDB_OPTIONS_DEFAULT;

	tsdb.retention_ms = DAEMON_DEFAULT_RETENTION_MS;
	if (options->retention_ms)
		tsdb.retention_ms = options->retention_ms;
	if (options->memory_bytes)
		tsdb.max_bytes = options->memory_bytes;
	return tsdb;
}

static void tell_found(const struct daemon *d)
{
	struct strbuf since = STRBUF_INIT;
	struct tsdb_stats stats;

	tsdb_stats(d->db, &stats);
	if (!stats.series)
		return;
	timestamp_format_local(&since, stats.oldest_wall_ms);
	log_info("found samples of %zu series since %s, %" PRIu64 " KB", stats.series, since.s,
		stats.disk_bytes >> 10);
	strbuf_release(&since);
}

int samples_start(struct daemon *d)
{
	const struct tsdb_options options = store_options(d->options);

	return tsdb_new(&options, &d->db);
}

int samples_open(struct daemon *d, const char *storage)
{
	struct tsdb_disk_options disk = TSDB_DISK_OPTIONS_DEFAULT;
	struct strbuf dir = STRBUF_INIT;
	char error[300] = "";
	int err;

	disk.tell = on_tell;
	disk.userdata = d;
	if (d->options->retention_bytes)
		disk.max_bytes = d->options->retention_bytes;
	if (d->options->flush_ms)
		disk.flush_ms = d->options->flush_ms;
	if (d->options->block_ms)
		disk.block_ms = d->options->block_ms;
	strbuf_addf(&dir, "%s/samples", storage);
	err = dir.err ? dir.err
		      : store_files_open(dir.s, d->event, &d->files, error, sizeof(error));
	strbuf_release(&dir);
	if (!err) {
		err = tsdb_open_disk(d->db, d->files, &disk, clock_now());
		if (!err)
			tell_found(d);
		return err;
	}
	log_error("samples cannot be kept (%s): they are in memory alone, and gone at the end",
		error);
	return err == -ENOMEM ? err : 0;
}

void samples_stop(struct daemon *d)
{
	if (d->db)
		tsdb_flush(d->db);
	store_files_close(TAKE(d->files), CLOSE_MS);
	tsdb_free(TAKE(d->db));
}
