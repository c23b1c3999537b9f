/*
 * cmd.h - the subcommands of tolld. Each gets its own arguments, argv[0] being "tolld" and its name, and
 * returns an exit status: 0 done, 1 it found faults or could not, 2 it was called wrongly.
 */
#ifndef TOLLD_CMD_CMD_H
#define TOLLD_CMD_CMD_H

#define EXIT_USAGE 2
/* Of status, whose 1 says that a service is down: the daemon does not answer. */
#define EXIT_UNREACHABLE 2

int cmd_run(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_test(int argc, char **argv);
int cmd_query(int argc, char **argv);
int cmd_notify(int argc, char **argv);
int cmd_status(int argc, char **argv);
int cmd_history(int argc, char **argv);
int cmd_metrics(int argc, char **argv);
int cmd_version(int argc, char **argv);

#endif
