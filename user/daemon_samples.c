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

static int64_t retention_ms(const struct daemon_options *options)
{
	return options->retention_ms ? options->retention_ms : DAEMON_DEFAULT_RETENTION_MS;
}

static uint64_t retention_bytes(const struct daemon_options *options)
{
	return options->retention_bytes ? options->retention_bytes
					: TSDB_DISK_OPTIONS_DEFAULT.max_bytes;
}

static struct tsdb_options store_options(const struct daemon_options *options)
{
	struct tsdb_options tsdb = TSDB_OPTIONS_DEFAULT;

	tsdb.retention_ms = retention_ms(options);
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
	disk.max_bytes = retention_bytes(d->options);
	if (d->options->flush_ms)
		disk.flush_ms = d->options->flush_ms;
	if (d->options->block_ms)
		disk.block_ms = d->options->block_ms;
	strbuf_addf(&dir, "%s/" STORE_SAMPLES, storage);
	err = dir.err ? dir.err
		      : store_files_open(dir.s, d->event, &d->files, error, sizeof(error));
	strbuf_release(&dir);
	if (!err) {
		err = tsdb_open_disk(d->db, d->files, &disk, clock_now());
		if (!err)
			tell_found(d);
		return err ? err : wall_meet_samples(d);
	}
	log_error("samples cannot be kept (%s): they are in memory alone, and gone at the end",
		error);
	return err == -ENOMEM ? err : 0;
}

/* What the files say counts more than the flags, as in Prometheus. */
void samples_configure(struct daemon *d, const struct config *config)
{
	const struct config_storage *storage = &config->storage;

	tsdb_retain(d->db, storage->retention_ms ? storage->retention_ms : retention_ms(d->options),
		storage->retention_bytes ? (uint64_t)storage->retention_bytes
					 : retention_bytes(d->options));
}

void samples_stop(struct daemon *d)
{
	if (d->db)
		tsdb_flush(d->db);
	store_files_close(TAKE(d->files), CLOSE_MS);
	tsdb_free(TAKE(d->db));
}
