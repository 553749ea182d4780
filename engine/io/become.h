#ifndef ENGINE_IO_BECOME_H
#define ENGINE_IO_BECOME_H

struct error;

/* This process becomes the program (argv[0] is looked up in PATH): it has the terminal, gets the signals, and its status is
 * ours. Returns only when that fails: ERROR_TOOL. Close everything first, and have no other threads. */
int become_program(const char *const *argv, struct error **err);

#endif
