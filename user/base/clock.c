/*
 * clock.c - reads the clocks. Only the daemon calls it; what decides about time is told the time.
 */
#include "base/clock.h"

#include <sys/timex.h>
#include <time.h>
#include <unistd.h>
#include "base/util.h"

/* Nobody minds less. */
#define BEHIND_MS 1000

static bool held;
static int64_t held_skew_ms; /* the wall clock minus the boot clock, while it is held */

int64_t clock_boot_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (int64_t)ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
}

int64_t clock_system_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / NSEC_PER_MSEC;
}

int64_t clock_wall_ms(void)
{
	return held ? clock_boot_ns() / NSEC_PER_MSEC + held_skew_ms : clock_system_ms();
}

void clock_hold(int64_t wall_ms)
{
	held_skew_ms = wall_ms - clock_boot_ns() / NSEC_PER_MSEC;
	held = true;
}

void clock_release(void)
{
	held = false;
}

bool clock_is_held(void)
{
	return held;
}

int64_t clock_lead_ms(void)
{
	return held ? clock_wall_ms() - clock_system_ms() : 0;
}

bool clock_is_behind(int64_t system_ms, int64_t wall_ms, bool synchronized)
{
	return !synchronized && wall_ms - system_ms >= BEHIND_MS;
}

bool clock_synchronized(void)
{
	struct timex t = { 0 };

	/* The unit's ProtectClock= refuses to say; the file is timesyncd's. */
	return (adjtimex(&t) >= 0 && !(t.status & STA_UNSYNC)) ||
	       !effective_access("/run/systemd/timesync/synchronized", F_OK);
}

struct instant clock_now(void)
{
	return (struct instant){ .boot_ns = clock_boot_ns(), .wall_ms = clock_wall_ms() };
}
