#ifndef ENGINE_IO_KEYS_H
#define ENGINE_IO_KEYS_H

struct terminal_keys;
struct loop;

/* Calls `fn(arg, key)` on the loop's thread for each key typed at the terminal of standard input, without echo and without waiting
 * for the end of a line; Ctrl-C is a signal as before. NULL when standard input is no terminal, or another process's at the
 * moment. */
struct terminal_keys *keys_new(struct loop *loop, void (*fn)(void *arg, char key), void *arg);
/* NULL-safe. The terminal is again as it was. Before loop_free. */
void keys_free(struct terminal_keys *keys);

#endif
