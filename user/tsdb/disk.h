/*
 * disk.h - the store's files: what is appended goes into a write-ahead log every minute, and every
 * hour all chunks go into a block and the logs away; private to tsdb/.
 *
 * Files are numbered in the order of their making: NUMBER.wal, NUMBER.block, and NUMBER.part while a
 * block is being written. A block has all that logs with lower numbers have. When the clock is set
 * back, NUMBER.block becomes NUMBER.until-TIME.block: later samples of it do not count.
 */
#ifndef TOLLD_TSDB_DISK_H
#define TOLLD_TSDB_DISK_H

#include "tsdb/block.h"
#include "tsdb/internal.h"
#include "tsdb/wal.h"

/* Blocks whose files stay open. */
#define DISK_MAX_OPEN 32

enum disk_phase { DISK_REST, DISK_FLUSH, DISK_BLOCK };

struct disk_file {
	uint32_t number;
	uint64_t bytes;
	bool damaged; /* goes aside, and not away */
};

struct disk {
	struct store_files *files;
	struct tsdb_disk_options options;
	struct block *blocks; /* by number, which is the order of time */
	size_t n_blocks, cap_blocks;
	int64_t oldest_ms;	/* the first time in them; NO_TIME without any */
	struct disk_file *wals; /* that no block stands for yet */
	size_t n_wals, cap_wals;
	uint32_t next_number, next_key;
	uint32_t wal_number;   /* of the file that is added to; 0: the next flush begins one */
	uint32_t block_number; /* of the one being written */

	enum disk_phase phase;
	bool busy;	 /* an order is under way */
	bool last_order; /* of the block */
	bool renaming;	 /* it is whole, and about to get its name */
	bool closing;	 /* we end: what is still ordered is not waited for */
	size_t order_bytes;
	int64_t flush_boot_ns, block_boot_ns; /* when they are due */
	struct wal_writer wal;
	struct block_writer block;
	bool bringing_back;   /* what rules read may be missing in memory */
	uint32_t reach_hand;  /* the slot of the series whose turn it is */
	uint32_t reach_below; /* blocks from this number on were asked for it */
	bool gap;	      /* the log lacks something that only a block can mend */
	bool failing;	      /* told */
	unsigned open_blocks;
	int64_t cut_ms; /* the clock was set back to then while a block was being written; or NO_TIME */
	uint64_t clock; /* for block.used */
	uint64_t written_bytes, failures, unreadable, damaged_files;
};

void disk_free(struct disk *disk);
/* What the log lacks of the series' open chunk, into the log that is in memory. */
void disk_log(struct tsdb *db, struct series *s);
/* Takes out of memory what is in a block and not asked for every day. */
void disk_sweep(struct tsdb *db, struct series *s);
/* Renames it, for whoever wants to look what is broken in it. */
void disk_set_aside(struct disk *disk, const char *name);
/* Blocks that end before the cutoff, and the oldest where all are too large. */
void disk_expire(struct tsdb *db, int64_t cutoff_ms);
void disk_rewind(struct tsdb *db, int64_t wall_ms);
/* Fills in what is the disk's; it may be NULL. */
void disk_stats(const struct disk *disk, struct tsdb_stats *ret);
void disk_tell(const struct disk *disk, bool bad, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* Blocks came or went. */
void disk_note_blocks(struct disk *disk);
/* A block's descriptor, opened where it is not; or a negative errno. */
int disk_block_fd(struct disk *disk, struct block *block);
/* Of 0 where there is no disk, the labels are too long for it, or keys have run out. */
uint32_t disk_new_key(struct tsdb *db, const struct labels *labels);

/* "%08x.wal" and its siblings. */
enum disk_name { NAME_WAL, NAME_BLOCK, NAME_PART, NAME_OTHER };
/* NO_TIME for a block that counts whole. */
void disk_block_name(char name[STORE_FILES_MAX_NAME], uint32_t number, int64_t until_ms);
enum disk_name disk_parse_name(const char *name, uint32_t *ret_number, int64_t *ret_until_ms);

#endif
