/* What services use, added up over passes: through virtual hours, workers that come and go, and restarts. */
#include "harness.h"

#include "base/clock.h"
#include "watch/tally.h"

#define SECOND NSEC_PER_SEC

struct world {
	struct tally *tally;
	int64_t now;
	struct tally_total total;
};

static void begin(struct world *w)
{
	*w = (struct world){ .now = 1000 * SECOND };
	assert_int_equal(tally_new(&w->tally), 0);
}

static void end(struct world *w)
{
	tally_free(w->tally);
}

/* A process that began at `start` seconds and has used so many seconds of CPU by now. */
struct reading {
	pid_t pid;
	int64_t start_s;
	uint64_t cpu_s;
	pid_t family;
};

/* A pass that reads these, and gives the service those of the first n. */
static void pass(
	struct world *w, const struct reading *readings, size_t n_readings, size_t n, bool families)
{
	struct tally_process processes[8];

	w->now += 15 * SECOND;
	tally_begin(w->tally, w->now);
	for (size_t i = 0; i < n_readings; i++) {
		const struct reading *r = &readings[i];

		tally_part(&(struct usage){ .pid = r->pid,
				   .start_boot_ns = r->start_s * SECOND,
				   .family = r->family,
				   .thread = r->pid,
				   .cpu_ns = r->cpu_s * SECOND,
				   .minor_faults = r->cpu_s * 2,
				   .has_process = true,
				   .threads = 1,
				   .has_resident = true,
				   .resident_bytes = 100 },
			w->tally);
		processes[i] = (struct tally_process){ r->pid, r->start_s * SECOND };
	}
	assert_int_equal(tally_end(w->tally), 0);
	tally_service(w->tally, processes, n, families, &w->total);
}

static void assert_cpu(const struct world *w, uint64_t seconds, unsigned processes)
{
	assert_int_equal(w->total.cpu_ns, seconds * SECOND);
	assert_int_equal(w->total.minor_faults, seconds * 2);
	assert_int_equal(w->total.processes, processes);
	assert_int_equal(w->total.resident_bytes, 100 * processes);
}

static void a_total_never_falls(void **state)
{
	struct world w;

	begin(&w);
	/* Who was there before the first pass counts from its own beginning. */
	pass(&w, (struct reading[]){ { 10, 5, 100, 0 }, { 11, 5, 50, 0 } }, 2, 2, false);
	assert_cpu(&w, 150, 2);
	pass(&w, (struct reading[]){ { 10, 5, 110, 0 }, { 11, 5, 50, 0 } }, 2, 2, false);
	assert_cpu(&w, 160, 2);
	/* A worker ends, another comes. */
	pass(&w, (struct reading[]){ { 10, 5, 111, 0 }, { 12, 1040, 3, 0 } }, 2, 2, false);
	assert_cpu(&w, 164, 2);
	/* All are gone. */
	pass(&w, NULL, 0, 0, false);
	assert_cpu(&w, 164, 0);
	/* Started anew, with a number that was there before. */
	pass(&w, (struct reading[]){ { 10, 1070, 2, 0 } }, 1, 1, false);
	assert_cpu(&w, 166, 1);
	/* Less than was known already: some thread was not read. */
	pass(&w, (struct reading[]){ { 10, 1070, 1, 0 } }, 1, 1, false);
	assert_cpu(&w, 166, 1);
	pass(&w, (struct reading[]){ { 10, 1070, 3, 0 } }, 1, 1, false);
	assert_cpu(&w, 167, 1);
	end(&w);
}

static void what_others_used_before_they_joined_is_not_its_own(void **state)
{
	struct world w;

	begin(&w);
	pass(&w, NULL, 0, 0, false);
	/* Made long before the service was looked at, and of it only since now. */
	pass(&w, (struct reading[]){ { 10, 5, 100, 0 } }, 1, 1, false);
	assert_cpu(&w, 0, 1);
	pass(&w, (struct reading[]){ { 10, 5, 101, 0 } }, 1, 1, false);
	assert_cpu(&w, 1, 1);
	/* A number changes hands between two passes. */
	pass(&w, (struct reading[]){ { 10, 1050, 7, 0 } }, 1, 1, false);
	assert_cpu(&w, 8, 1);
	end(&w);
}

static void relatives_count_where_they_are_asked_for(void **state)
{
	static const struct reading readings[] = { { 10, 5, 100, 10 }, { 11, 6, 20, 10 },
		{ 12, 7, 3, 10 }, { 99, 8, 1000, 99 }, { 98, 8, 1000, 77 } };
	struct world w;

	begin(&w);
	pass(&w, readings, ARRAY_SIZE(readings), 1, true);
	assert_cpu(&w, 123, 3);
	w.total = (struct tally_total){ 0 };
	pass(&w, readings, ARRAY_SIZE(readings), 1, false);
	assert_cpu(&w, 100, 1);
	/* Of two services that are the same process each has all of it. */
	pass(&w, readings, ARRAY_SIZE(readings), 0, false);
	w.total = (struct tally_total){ 0 };
	pass(&w, readings, ARRAY_SIZE(readings), 1, true);
	assert_cpu(&w, 123, 3);
	end(&w);
}

static void collect_pid(pid_t pid, void *userdata)
{
	*(unsigned *)userdata += (unsigned)pid;
}

static void knows_who_was_read_and_who_counts(void **state)
{
	const struct tally_process rows[] = { { 10, 5 * SECOND }, { 10, 0 }, { 10, 6 * SECOND },
		{ 13, 0 } };
	static const struct reading readings[] = { { 10, 5, 100, 10 }, { 11, 6, 20, 10 },
		{ 12, 7, 3, 10 } };
	struct world w;
	unsigned sum = 0;

	begin(&w);
	pass(&w, readings, ARRAY_SIZE(readings), 1, true);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(tally_has(w.tally, &rows[i]), i < 2);
	tally_members(w.tally, rows, 1, true, collect_pid, &sum);
	assert_int_equal(sum, 10 + 11 + 12);
	sum = 0;
	tally_members(w.tally, rows, ARRAY_SIZE(rows), false, collect_pid, &sum);
	assert_int_equal(sum, 10 + 10);
	/* In the next pass nobody was read yet. */
	tally_begin(w.tally, w.now + SECOND);
	assert_false(tally_has(w.tally, &rows[0]));
	end(&w);
}

static void a_death_brings_what_no_pass_saw(void **state)
{
	const struct tally_process known = { 10, 5 * SECOND }, brief = { 20, 1016 * SECOND },
				   old = { 30, 7 * SECOND };
	struct tally_last last = {
		.has_cpu = true, .has_faults = true, .cpu_ns = 130 * SECOND, .minor_faults = 260
	};
	struct world w;

	begin(&w);
	pass(&w, (struct reading[]){ { 10, 5, 100, 0 } }, 1, 1, false);
	tally_died(w.tally, &known, &last, &w.total);
	assert_cpu(&w, 130, 1);
	pass(&w, NULL, 0, 0, false);
	assert_cpu(&w, 130, 0);
	/* One that lived between two passes. */
	last = (struct tally_last){
		.has_cpu = true, .has_faults = true, .cpu_ns = 2 * SECOND, .minor_faults = 4
	};
	w.total.passed_boot_ns = 1015 * SECOND;
	tally_died(w.tally, &brief, &last, &w.total);
	assert_cpu(&w, 132, 0);
	/* One that joined and ended between two: nobody knows what of it was the service's. */
	tally_died(w.tally, &old, &last, &w.total);
	assert_cpu(&w, 132, 0);
	/* Where nobody tells what it had used, nothing is added. */
	tally_died(w.tally, &brief, &(struct tally_last){ 0 }, &w.total);
	assert_cpu(&w, 132, 0);
	end(&w);
}

static void a_death_while_a_pass_is_read_counts_once(void **state)
{
	const struct tally_process process = { 10, 5 * SECOND };
	const struct tally_last last = { .has_cpu = true, .cpu_ns = 107 * SECOND };
	struct usage part = { .pid = 10, .start_boot_ns = 5 * SECOND, .cpu_ns = 100 * SECOND };
	struct tally_total total = { 0 };
	struct tally *tally;

	for (int read_before = 0; read_before <= 1; read_before++) {
		assert_int_equal(tally_new(&tally), 0);
		total = (struct tally_total){ 0 };
		part.cpu_ns = 100 * SECOND;
		tally_begin(tally, 1000 * SECOND);
		tally_part(&part, tally);
		assert_int_equal(tally_end(tally), 0);
		tally_service(tally, &process, 1, false, &total);
		part.cpu_ns = 105 * SECOND;
		tally_begin(tally, 1015 * SECOND);
		if (read_before)
			tally_part(&part, tally);
		tally_died(tally, &process, &last, &total);
		assert_int_equal(tally_end(tally), 0);
		tally_service(tally, &process, 1, false, &total);
		assert_int_equal(total.cpu_ns, 107 * SECOND);
		tally_free(tally);
	}
}

/* As the kernel's iterator gives it: a part for each thread, the process's own figures in one. */
static void parts_are_added_up(void **state)
{
	const struct tally_process process = { 10, SECOND };
	struct tally_total total = { 0 };
	struct tally *tally;

	assert_int_equal(tally_new(&tally), 0);
	tally_begin(tally, 10 * SECOND);
	for (pid_t thread = 10; thread < 14; thread++)
		tally_part(&(struct usage){ .pid = 10,
				   .start_boot_ns = SECOND,
				   .thread = thread,
				   .cpu_ns = 1,
				   .major_faults = 2,
				   .read_bytes = 3,
				   .written_bytes = 4,
				   .has_io = true,
				   .has_process = thread == 12,
				   .has_resident = true,
				   .threads = 4,
				   .resident_bytes = 77,
				   .has_fds = true,
				   .has_max_fds = true,
				   .open_fds = 8,
				   .max_fds = 1024 },
			tally);
	assert_int_equal(tally_end(tally), 0);
	tally_service(tally, &process, 1, true, &total);
	assert_int_equal(total.cpu_ns, 4);
	assert_int_equal(total.major_faults, 8);
	assert_int_equal(total.read_bytes, 12);
	assert_int_equal(total.written_bytes, 16);
	assert_true(total.has_io && total.has_resident && total.has_fds);
	assert_int_equal(total.processes, 1);
	assert_int_equal(total.threads, 4);
	assert_int_equal(total.resident_bytes, 77);
	assert_int_equal(total.open_fds, 8);
	assert_int_equal(total.max_fds, 1024);
	tally_free(tally);
}

static void descriptors_are_those_of_the_process_that_is_nearest_to_its_limit(void **state)
{
	static const struct {
		uint32_t open_fds[3];
		uint64_t max_fds[3];
		uint64_t open, max;
	} rows[] = {
		{ { 100, 90, 5 }, { 1024, 100, 10 }, 90, 100 },
		{ { 0, 0, 0 }, { 0, 10, 20 }, 0, 0 },
		{ { 1, 2, 0 }, { 0, 10, 20 }, 1, 0 },
		{ { 1000000, 3, 4 }, { UINT64_MAX, 4096, 4096 }, 4, 4096 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct tally_process processes[3];
		struct tally_total total = { 0 };
		struct tally *tally;

		assert_int_equal(tally_new(&tally), 0);
		tally_begin(tally, 10 * SECOND);
		for (int p = 0; p < 3; p++) {
			processes[p] = (struct tally_process){ p + 1, SECOND };
			tally_part(&(struct usage){ .pid = p + 1,
					   .start_boot_ns = SECOND,
					   .has_process = true,
					   .has_fds = true,
					   .has_max_fds = true,
					   .open_fds = rows[i].open_fds[p],
					   .max_fds = rows[i].max_fds[p] },
				tally);
		}
		assert_int_equal(tally_end(tally), 0);
		tally_service(tally, processes, 3, false, &total);
		assert_int_equal(total.open_fds, rows[i].open);
		assert_int_equal(total.max_fds, rows[i].max);
		tally_free(tally);
	}
}

static void a_thread_is_hung_that_does_not_run_for_half_a_minute(void **state)
{
	static const struct {
		int64_t at_s;
		bool waits;
		uint64_t switches;
		unsigned hung;
	} rows[] = {
		{ 100, true, 5, 0 },
		{ 115, true, 5, 0 },
		{ 129, true, 5, 0 },
		{ 130, true, 5, 1 },
		{ 3600, true, 5, 1 },
		/* It ran in between, and waits again. */
		{ 3615, true, 6, 0 },
		{ 3640, true, 6, 0 },
		{ 3646, true, 6, 1 },
		{ 3660, false, 6, 0 },
		/* Its count stays, but it was seen to run. */
		{ 3690, true, 6, 0 },
		{ 3720, true, 6, 1 },
	};
	const struct tally_process process = { 10, SECOND };
	struct tally_total total = { 0 };
	struct tally *tally;

	assert_int_equal(tally_new(&tally), 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct usage part = { .pid = 10,
			.start_boot_ns = SECOND,
			.thread = 10,
			.has_process = true,
			.threads = 2 };

		tally_begin(tally, rows[i].at_s * SECOND);
		tally_part(&part, tally);
		part = (struct usage){ .pid = 10,
			.start_boot_ns = SECOND,
			.thread = 11,
			.uninterruptible = rows[i].waits,
			.switches = rows[i].switches };
		tally_part(&part, tally);
		assert_int_equal(tally_end(tally), 0);
		tally_service(tally, &process, 1, false, &total);
		if (total.hung_threads != rows[i].hung)
			fail_msg("at %lld s: %u", (long long)rows[i].at_s, total.hung_threads);
	}
	tally_free(tally);
}

static void who_stands_still_does_until_it_runs(void **state)
{
	static const struct {
		uint64_t cpu_s;
		enum standstill read;
		bool tells_frozen;
		enum standstill wanted;
		bool all_is_known;
	} rows[] = {
		{ 1, STANDSTILL_NONE, true, STANDSTILL_NONE, true },
		{ 2, STANDSTILL_FROZEN, true, STANDSTILL_FROZEN, true },
		{ 3, STANDSTILL_STOPPED, true, STANDSTILL_STOPPED, true },
		/* From /proc: what does not show may be so all the same. */
		{ 4, STANDSTILL_NONE, false, STANDSTILL_NONE, false },
		{ 5, STANDSTILL_STOPPED, false, STANDSTILL_STOPPED, true },
	};
	const struct tally_process processes[] = { { 10, 5 * SECOND }, { 11, 5 * SECOND } };
	enum standstill how;
	struct world w;

	begin(&w);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct usage part = { .pid = 10,
			.start_boot_ns = 5 * SECOND,
			.cpu_ns = rows[i].cpu_s * SECOND,
			.has_process = true,
			.standstill = rows[i].read,
			.tells_frozen = rows[i].tells_frozen };
		const struct usage other = {
			.pid = 11, .start_boot_ns = 5 * SECOND, .has_process = true
		};

		/* Read, and not read again because it has not run. */
		for (int kept = 0; kept <= 1; kept++) {
			w.now += 15 * SECOND;
			tally_begin(w.tally, w.now);
			if (kept)
				assert_true(tally_keep(w.tally, &processes[0], part.cpu_ns));
			else
				tally_part(&part, w.tally);
			tally_part(&other, w.tally);
			assert_int_equal(tally_end(w.tally), 0);
			assert_int_equal(tally_standstill(w.tally, &processes[0], &how),
				rows[i].all_is_known);
			assert_int_equal(how, rows[i].wanted);
			tally_service(w.tally, processes, 2, false, &w.total);
			assert_int_equal(w.total.processes, 2);
			assert_int_equal(w.total.standing_still, rows[i].wanted != STANDSTILL_NONE);
		}
	}
	/* Who is gone does not stand still. */
	assert_true(tally_standstill(w.tally, &(struct tally_process){ 12, 0 }, &how));
	assert_int_equal(how, STANDSTILL_NONE);
	end(&w);
}

static void many_processes_are_told_apart(void **state)
{
	enum { N = 20000 };
	struct tally *tally;

	assert_int_equal(tally_new(&tally), 0);
	for (uint64_t round = 1; round <= 3; round++) {
		tally_begin(tally, (int64_t)(100 * round) * SECOND);
		for (int i = 0; i < N; i++)
			tally_part(&(struct usage){ .pid = 1 + 3 * i,
					   .start_boot_ns = SECOND,
					   .cpu_ns = round * (uint64_t)i },
				tally);
		assert_int_equal(tally_end(tally), 0);
	}
	for (int i = 0; i < N; i++) {
		const struct tally_process process = { 1 + 3 * i, SECOND };
		struct tally_total total = { 0 };

		tally_service(tally, &process, 1, true, &total);
		assert_int_equal(total.cpu_ns, 3 * (uint64_t)i);
		assert_int_equal(total.processes, 1);
	}
	tally_free(tally);
}

static int pass_with_little_memory(void *userdata)
{
	const struct tally_process process = { 10, SECOND };
	struct tally_total total = { 0 };
	struct tally *tally;
	int err = tally_new(&tally);

	if (err)
		return err;
	tally_begin(tally, 10 * SECOND);
	for (pid_t pid = 1; pid < 300; pid++)
		tally_part(
			&(struct usage){ .pid = pid, .start_boot_ns = SECOND, .cpu_ns = 5 }, tally);
	err = tally_end(tally);
	if (!err) {
		tally_service(tally, &process, 1, true, &total);
		assert_int_equal(total.cpu_ns, 5);
	}
	tally_free(tally);
	return err;
}

static void survives_without_memory(void **state)
{
	with_failing_allocations(pass_with_little_memory, NULL);
}

static unsigned hung_in(struct tally *tally, int64_t at_s, bool waits, uint64_t switches)
{
	const struct tally_process process = { 10, SECOND };
	const struct usage part = { .pid = 10,
		.start_boot_ns = SECOND,
		.thread = 11,
		.has_process = true,
		.threads = 2,
		.uninterruptible = waits,
		.switches = switches };
	struct tally_total total = { 0 };

	tally_begin(tally, at_s * SECOND);
	tally_part(&part, tally);
	assert_int_equal(tally_end(tally), 0);
	tally_service(tally, &process, 1, false, &total);
	if (total.hung_threads)
		assert_true(total.hung.pid == 10 && total.hung.thread == 11);
	return total.hung_threads;
}

/* One part, of a thread, within a pass. */
static void part_of(struct tally *tally, pid_t thread, uint64_t cpu_s, bool waits)
{
	tally_part(&(struct usage){ .pid = 10,
			   .start_boot_ns = 5 * SECOND,
			   .thread = thread,
			   .cpu_ns = cpu_s * SECOND,
			   .minor_faults = cpu_s * 2,
			   .uninterruptible = waits,
			   .switches = 5 },
		tally);
}

static void who_dies_while_some_of_its_threads_are_read_counts_once(void **state)
{
	static const struct {
		uint64_t leader_s; /* of it, in the pass in which it dies; 0: not read yet */
		bool is_worker_read;
	} rows[] = { { 0, false }, { 60, false }, { 95, false }, { 60, true } };
	const struct tally_process process = { 10, 5 * SECOND };
	const struct tally_last last = { true, true, 110 * SECOND, 220, 0 };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct world w;

		begin(&w);
		pass(&w, (struct reading[]){ { 10, 5, 100, 0 } }, 1, 1, false);
		tally_begin(w.tally, w.now + 15 * SECOND);
		if (rows[i].leader_s)
			part_of(w.tally, 10, rows[i].leader_s, false);
		if (rows[i].is_worker_read)
			part_of(w.tally, 11, 45, false);
		tally_died(w.tally, &process, &last, &w.total);
		assert_int_equal(tally_end(w.tally), 0);
		tally_service(w.tally, &process, 1, false, &w.total);
		assert_int_equal(w.total.cpu_ns, 110 * SECOND);
		assert_int_equal(w.total.minor_faults, 220);
		end(&w);
	}
}

static void a_thread_that_is_said_to_hang_and_read_in_one_pass_is_one(void **state)
{
	const struct tally_process process = { 10, 5 * SECOND };
	const struct tally_thread thread = { 10, 11 };
	struct world w;

	for (int told_first = 0; told_first <= 1; told_first++) {
		begin(&w);
		tally_begin(w.tally, w.now);
		part_of(w.tally, 10, 1, false);
		if (told_first)
			assert_true(tally_hang(w.tally, &thread, 5));
		part_of(w.tally, 11, 1, true);
		if (!told_first)
			assert_true(tally_hang(w.tally, &thread, 5));
		assert_int_equal(tally_end(w.tally), 0);
		tally_service(w.tally, &process, 1, false, &w.total);
		assert_int_equal(w.total.hung_threads, 1);
		end(&w);
	}
}

static void a_thread_that_is_said_to_hang_does_until_it_runs(void **state)
{
	const struct tally_thread thread = { 10, 11 };
	const struct tally_process process = { 10, SECOND };
	struct tally_total total = { 0 };
	struct usage part = { .pid = 10,
		.start_boot_ns = SECOND,
		.thread = 11,
		.has_process = true,
		.threads = 2,
		.uninterruptible = true,
		.switches = 5 };
	struct tally *tally;

	assert_int_equal(tally_new(&tally), 0);
	/* Before anybody has looked, or between two passes. */
	assert_true(tally_hang(tally, &thread, 5));
	assert_false(tally_hang(tally, &thread, 5));
	assert_int_equal(hung_in(tally, 100, true, 5), 1);
	assert_false(tally_hang(tally, &thread, 5));
	assert_int_equal(hung_in(tally, 115, true, 5), 1);
	/* It ran, and waits again; then it is said to hang once more. */
	assert_int_equal(hung_in(tally, 130, true, 6), 0);
	assert_true(tally_hang(tally, &thread, 6));
	assert_int_equal(hung_in(tally, 145, true, 6), 1);
	assert_int_equal(hung_in(tally, 160, false, 7), 0);
	assert_true(tally_hang(tally, &thread, 7));
	/* What is old says nothing of one that waits for something else now. */
	assert_int_equal(hung_in(tally, 175, true, 8), 0);

	/* In the middle of a pass, before and after it was read. */
	tally_begin(tally, 190 * SECOND);
	tally_part(&part, tally);
	assert_true(tally_hang(tally, &thread, 5));
	assert_int_equal(tally_end(tally), 0);
	tally_service(tally, &process, 1, false, &total);
	assert_int_equal(total.hung_threads, 1);
	part.switches = 6;
	tally_begin(tally, 205 * SECOND);
	assert_true(tally_hang(tally, &thread, 6));
	tally_part(&part, tally);
	assert_int_equal(tally_end(tally), 0);
	tally_service(tally, &process, 1, false, &total);
	assert_int_equal(total.hung_threads, 1);
	tally_free(tally);
}

/* A part of process 10, which began at 5 s. */
static struct usage part_of_ten(uint64_t cpu_ns)
{
	return (struct usage){ .pid = 10,
		.start_boot_ns = 5 * SECOND,
		.thread = 10,
		.cpu_ns = cpu_ns,
		.minor_faults = 3,
		.has_io = true,
		.read_bytes = 4096,
		.has_process = true,
		.threads = 2,
		.has_resident = true,
		.resident_bytes = 100,
		.has_fds = true,
		.open_fds = 7,
		.has_max_fds = true,
		.max_fds = 20 };
}

/* A pass in which it is kept, or else read. */
static bool kept_in(struct world *w, const struct usage *part, int64_t start_boot_ns)
{
	const struct tally_process ten = { 10, start_boot_ns };
	bool kept;

	w->now += 15 * SECOND;
	tally_begin(w->tally, w->now);
	kept = tally_keep(w->tally, &ten, part->cpu_ns);
	assert_true(tally_has(w->tally, &ten) == kept);
	/* Somebody else's, too. */
	assert_true(tally_keep(w->tally, &ten, part->cpu_ns + kept) == kept);
	if (!kept)
		tally_part(part, w->tally);
	assert_int_equal(tally_end(w->tally), 0);
	tally_service(w->tally, &(struct tally_process){ 10, 0 }, 1, true, &w->total);
	return kept;
}

static void one_that_has_not_run_is_what_it_was(void **state)
{
	const struct tally_process ten = { 10, 0 }, nobody = { 11, 0 };
	struct usage part = part_of_ten(1000);
	struct tally_total before;
	struct world w;

	begin(&w);
	assert_int_equal(tally_rests(w.tally, &ten), 0);
	assert_false(kept_in(&w, &part, 0));
	assert_int_equal(tally_rests(w.tally, &ten), 0);
	before = w.total;
	for (unsigned i = 1; i < 100; i++) {
		assert_true(kept_in(&w, &part, i % 2 ? 0 : 5 * SECOND));
		before.passed_boot_ns = w.now;
		assert_memory_equal(&w.total, &before, sizeof(before));
		assert_int_equal(tally_rests(w.tally, &ten), i);
	}
	assert_int_equal(w.total.cpu_ns, 1000);
	assert_int_equal(w.total.open_fds, 7);
	/* It is read all the same: that is not running. */
	w.now += 15 * SECOND;
	tally_begin(w.tally, w.now);
	tally_part(&part, w.tally);
	assert_int_equal(tally_end(w.tally), 0);
	assert_int_equal(tally_rests(w.tally, &ten), 100);
	/* By a nanosecond. */
	part = part_of_ten(1001);
	part.open_fds = 8;
	assert_false(kept_in(&w, &part, 0));
	assert_int_equal(w.total.cpu_ns, 1001);
	assert_int_equal(w.total.open_fds, 8);
	assert_int_equal(tally_rests(w.tally, &ten), 0);
	assert_true(kept_in(&w, &part, 0));
	assert_int_equal(w.total.cpu_ns, 1001);
	assert_int_equal(w.total.read_bytes, 4096);
	assert_int_equal(tally_rests(w.tally, &nobody), 0);
	end(&w);
}

static void what_a_clock_does_not_tell_is_read(void **state)
{
	struct usage part = part_of_ten(1000);
	struct world w;

	begin(&w);
	/* Another has its number, by chance with the same. */
	assert_false(kept_in(&w, &part, 0));
	assert_false(kept_in(&w, &part, 9 * SECOND));
	/* It was in no service at the last pass. */
	assert_true(kept_in(&w, &part, 0));
	tally_begin(w.tally, w.now += 15 * SECOND);
	assert_int_equal(tally_end(w.tally), 0);
	assert_false(kept_in(&w, &part, 0));
	/* A clock that is coarse. */
	part.in_ticks = true;
	part.cpu_ns++;
	assert_false(kept_in(&w, &part, 0));
	assert_false(kept_in(&w, &part, 0));
	assert_int_equal(tally_rests(w.tally, &(struct tally_process){ 10, 0 }), 0);
	part.in_ticks = false;
	assert_false(kept_in(&w, &part, 0));
	assert_true(kept_in(&w, &part, 0));
	/* One that waits for the kernel hangs after half a minute, which it does not run for. */
	part.uninterruptible = true;
	part.cpu_ns++;
	for (unsigned i = 0; i < 4; i++) {
		assert_false(kept_in(&w, &part, 0));
		assert_int_equal(w.total.hung_threads, i * 15 * SECOND >= HUNG_AFTER_NS);
	}
	part.uninterruptible = false;
	part.cpu_ns++;
	assert_false(kept_in(&w, &part, 0));
	assert_true(kept_in(&w, &part, 0));
	assert_int_equal(w.total.hung_threads, 0);
	end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_total_never_falls),
		cmocka_unit_test(what_others_used_before_they_joined_is_not_its_own),
		cmocka_unit_test(relatives_count_where_they_are_asked_for),
		cmocka_unit_test(knows_who_was_read_and_who_counts),
		cmocka_unit_test(a_death_brings_what_no_pass_saw),
		cmocka_unit_test(a_death_while_a_pass_is_read_counts_once),
		cmocka_unit_test(parts_are_added_up),
		cmocka_unit_test(descriptors_are_those_of_the_process_that_is_nearest_to_its_limit),
		cmocka_unit_test(a_thread_is_hung_that_does_not_run_for_half_a_minute),
		cmocka_unit_test(who_dies_while_some_of_its_threads_are_read_counts_once),
		cmocka_unit_test(a_thread_that_is_said_to_hang_and_read_in_one_pass_is_one),
		cmocka_unit_test(a_thread_that_is_said_to_hang_does_until_it_runs),
		cmocka_unit_test(one_that_has_not_run_is_what_it_was),
		cmocka_unit_test(what_a_clock_does_not_tell_is_read),
		cmocka_unit_test(who_stands_still_does_until_it_runs),
		cmocka_unit_test(many_processes_are_told_apart),
		cmocka_unit_test(survives_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
